"""The languages that commands speak: every sentence and every number of an explanation.

A language is data: words by code, and how numbers are written. All languages have the same codes and the same
placeholders (tested), so a sentence that exists in one exists in all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from stream.texts import words, words_ja

__all__ = ["ENGLISH", "JAPANESE", "LANGUAGES", "Lang", "Language"]

Pair = tuple[str, str]


class _Number(float):
    """A number that a template may ask for as `{name:.1f}`, or as `{name:.0f|day|days}` with its noun."""

    point: str
    group: str

    def __new__(cls, value: float, point: str, group: str) -> "_Number":
        made = super().__new__(cls, value)
        made.point, made.group = point, group
        return made

    def __format__(self, spec: str) -> str:
        shape, *nouns = spec.split("|")
        sign, digits = ("+", shape[1:]) if shape.startswith("+") else ("", shape)
        plain = format(float(self), f"{sign},{digits}")
        text = plain.replace(",", "\0").replace(".", self.point).replace("\0", self.group)
        return f"{text} {nouns[0 if plain == '1' else 1]}" if nouns else text


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        code: as typed after `--lang`.
        trust: cause of evidence -> words when it adds to trust, words when it takes from it.
        churn: term of the churn risk -> words when it raises the risk, words when it lowers it.
        numbers: code -> templates of what was seen and of what is usual.
        actions: code of an action -> what to do, `{about}` being the ticket or delivery.
        phrases: everything else that is said, by name.
        point: decimal separator.
        group: thousands separator.
        between: what stands between two things of a list.
        comma: what stands between two numbers in brackets.
        time_format: of `datetime.strftime`, in UTC.
    """

    code: str
    trust: dict[str, Pair]
    churn: dict[str, Pair]
    numbers: dict[str, Pair]
    actions: dict[str, str]
    phrases: dict[str, str]
    point: str
    group: str
    between: str
    comma: str
    time_format: str

    def say(self, name: str, /, **values: object) -> str:
        """A phrase with its values; numbers are written as the language writes them."""
        return self.fill(self.phrases[name], **values)

    def fill(self, template: str, /, **values: object) -> str:
        """Any template of this language with its values."""
        return template.format(**{name: self._written(value) for name, value in values.items()})

    def time(self, time_ms: int) -> str:
        """A time in UTC, to the minute."""
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime(self.time_format)

    def _written(self, value: object) -> object:
        return _Number(value, self.point, self.group) if isinstance(value, int | float) else value


ENGLISH = Language(
    "en",
    words.TRUST_WORDS,
    words.CHURN_WORDS,
    words.NUMBERS,
    words.ACTIONS,
    words.PHRASES,
    point=".",
    group=",",
    between="; ",
    comma=", ",
    time_format="%Y-%m-%d %H:%M UTC",
)
JAPANESE = Language(
    "ja",
    words_ja.TRUST_WORDS,
    words_ja.CHURN_WORDS,
    words_ja.NUMBERS,
    words_ja.ACTIONS,
    words_ja.PHRASES,
    point=".",
    group=",",
    between="、",
    comma="、",
    time_format="%Y年%m月%d日 %H:%M (UTC)",
)
LANGUAGES = {language.code: language for language in (ENGLISH, JAPANESE)}


class Lang(StrEnum):
    """What may follow `--lang`."""

    EN = "en"
    JA = "ja"

    @property
    def language(self) -> Language:
        """The language of this code."""
        return LANGUAGES[self.value]
