"""Every code has words in every language, and they fill the same places."""

import string
from dataclasses import fields
from typing import get_args

import pytest

from schemas.alert import Severity, State, Suppressed, Transition
from schemas.interaction import SCALES
from stream.alerts import plays
from stream.alerts.life import ENDED
from stream.alerts.rules import Kind
from stream.model.columns import TIERS
from stream.model.derived import LOYALTY, NO_VALUE
from stream.model.evidence import DIMENSION_OF
from stream.model.override import BANDS, EXCEPTIONS
from stream.model.risk import TERMS
from stream.model.trust import ALL_CAUSES
from stream.pipeline.actions import CODES, Action
from stream.pipeline.segments import LIFECYCLES
from stream.texts.languages import ENGLISH, JAPANESE, LANGUAGES, Lang, Language
from stream.texts.sentences import action_words, reason_words

TABLES = ("trust", "churn", "numbers", "actions", "phrases")


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda language: language.code)
def test_every_code_has_words_in_every_language(language: Language) -> None:
    """Reasons, actions and phrases: none is missing, empty, or left of a code that was dropped."""
    assert set(language.trust) == set(ALL_CAUSES)
    assert set(language.churn) == set(TERMS)
    assert set(language.actions) == set(CODES)
    assert set(language.phrases) == set(ENGLISH.phrases)
    assert set(language.phrases) >= {f"band_{band}" for band in BANDS}
    assert set(language.phrases) >= {f"exception_{event}" for event in EXCEPTIONS}
    assert set(language.phrases) >= {*DIMENSION_OF.values()}
    assert set(language.phrases) >= {
        *(f"loyalty_{kind}" for kind in LOYALTY),
        *(f"lifecycle_{name}" for name in LIFECYCLES),
        *(f"tier_{name}" for name in ("(none)", *TIERS)),
        *(f"no_value_{reason}" for reason in NO_VALUE if reason),
        *(f"survey_{name}" for name in SCALES),
    }
    assert set(language.phrases) >= {
        *(f"play_{code}" for code in plays.CODES),
        *(f"transition_{name}" for name in get_args(Transition)),
        *(f"state_{name}" for name in get_args(State)),
        *(f"severity_{name}" for name in get_args(Severity)),
        *(f"held_{name}" for name in get_args(Suppressed)),
        *(f"over_{name}" for name in ("recovered", "expired", "manual", *ENDED.values())),
        *(f"{what}_{name}" for what in ("alert", "eased") for name in get_args(Kind)),
    }
    assert set(language.numbers) == set(ENGLISH.numbers)
    assert all(all(pair) for table in (language.trust, language.churn) for pair in table.values())
    assert all([*language.actions.values(), *language.phrases.values()])


def test_languages_fill_the_same_places() -> None:
    """A translation that forgot a number, or names one that is not given, would fail in front of a person."""
    assert {each.name for each in fields(Language)} >= set(TABLES)
    for table in TABLES:
        for code, english in getattr(ENGLISH, table).items():
            assert _places(getattr(JAPANESE, table)[code]) == _places(english), (table, code)


def _places(text: str | tuple[str, ...]) -> list[set[str]]:
    texts = (text,) if isinstance(text, str) else text
    return [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in texts]


def test_japanese_is_japanese() -> None:
    """No phrase was left in English, but for names that are the same everywhere."""
    same = [name for name, text in JAPANESE.phrases.items() if text.isascii()]
    assert same == ["percent", "from_to", "goal_rule", "risk_moved", "alert_title"]
    assert not any(text.isascii() for pair in JAPANESE.churn.values() for text in pair)
    assert {str(lang) for lang in Lang} == set(LANGUAGES)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    """Separators are the language's; a noun agrees with its number."""
    assert ENGLISH.fill("{n:.0f|day|days}", n=1) == "1 day"
    assert ENGLISH.fill("{n:.0f|day|days}", n=1234) == "1,234 days"
    german = Language("de", {}, {}, {}, {}, {"x": "{n:+.2f}"}, ",", ".", "; ", ", ", "%d.%m.%Y")
    assert german.say("x", n=-1234.5) == "-1.234,50"
    assert german.say("x", n=1234.5) == "+1.234,50"
    assert JAPANESE.time(1_767_225_600_000) == "2026年01月01日 00:00 (UTC)"
    said = reason_words("churn_risk", "silence", 2.0, 64.0, 6.0, JAPANESE)
    assert said == "いつもより長く購入がない (64日、通常の間隔は6日)"


def test_actions_are_said_with_what_they_are_about() -> None:
    """The ticket's own id is in the sentence; two actions are joined."""
    first = Action("resolve", 45.0, "us", {}, about="T-7")
    second = Action("apologise", 10.0, "us", {})
    assert action_words([first, second]) == "resolve ticket T-7 and apologise in person"
    assert "T-7" in action_words([first], JAPANESE)
