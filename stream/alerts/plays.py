"""Recommended actions: which play the cause of an alert calls for, by whom and by when.

A play is a code; what it says to a person is in `stream/texts`. So the set of codes is closed, and a file can
only say which reasons call for which play, who does it, and how soon.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.score import Reason
from stream.alerts.rule import Rule
from stream.errors import ConfigError
from stream.model.evidence import DERIVED_CAUSES, DIMENSION_OF
from stream.model.risk import BASE_TERMS, TERMS

__all__ = ["CIRCUMSTANCES", "CODES", "Advice", "Circumstance", "Play", "Plays", "advise", "load", "parse"]

SHIPPED = Path(__file__).with_name("plays.toml")
CODES = (
    "fix_delivery",
    "answer_ticket",
    "one_owner",
    "remove_effort",
    "close_the_loop",
    "disclose",
    "correct_and_confirm",
    "personal_note",
    "fewer_mails",
    "ask_before_renewal",
    "call_today",
    "check_the_data",
)
"""Every action that an alert may recommend, and that a rule may name."""

Circumstance = Literal["channel_hopping", "spurious_loyalty"]
CIRCUMSTANCES: tuple[Circumstance, ...] = get_args(Circumstance)
CAUSES = frozenset({*DIMENSION_OF, *TERMS} - {*BASE_TERMS, "trust", "overdue_promises"})
"""Reasons that may call for a play. The two left out only point at causes of trust: those decide."""

Hours = Annotated[float, Meta(gt=0.0, le=8760.0)]


class Play(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One recommended action.

    Attributes:
        code: one of `CODES`.
        due_hours: by when, from the opening of the alert.
        owner: who does it; the rule's if None.
        reasons: codes of reasons that call for it.
        circumstance: in which it also decides for what it takes over, and where no reason calls for a play.
        takes_over: codes of reasons that it decides for in its circumstance, whatever they call for else.
    """

    code: str
    due_hours: Hours
    owner: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    reasons: tuple[str, ...] = ()
    circumstance: Circumstance | None = None
    takes_over: tuple[str, ...] = ()


class Plays(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file: one entry per code."""

    play: tuple[Play, ...] = ()

    def of_code(self, code: str) -> Play | None:
        """The play of this code."""
        return next((play for play in self.play if play.code == code), None)

    def of_reason(self, code: str, circumstances: Collection[str]) -> tuple[Play, str] | None:
        """The play that a reason calls for, and what decided: the circumstance or the reason."""
        for play in self.play:
            if play.circumstance in circumstances and code in play.takes_over:
                return play, str(play.circumstance)
        return next(((play, code) for play in self.play if code in play.reasons), None)

    def of_circumstance(self, circumstances: Collection[str]) -> tuple[Play, str] | None:
        """The play of the first of the file whose circumstance holds."""
        return next(
            ((play, str(play.circumstance)) for play in self.play if play.circumstance in circumstances), None
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """What is recommended.

    Attributes:
        code: of the play.
        cause: code of the reason or the circumstance that decided; None if the rule alone did.
        owner: who does it.
        due_hours: from the opening of the alert.
    """

    code: str
    cause: str | None
    owner: str
    due_hours: float


def advise(
    rule: Rule,
    reasons: Sequence[Reason],
    plays: Plays,
    circumstances: Collection[str] = (),
    named: str | None = None,
) -> Advice:
    """What to do about an alert of a rule.

    Args:
        rule: whose alert it is.
        reasons: of the customer, as published.
        plays: what calls for what.
        circumstances: those of `CIRCUMSTANCES` that hold for the customer.
        named: who was named by an escalation or a person; stands above the play's owner and the rule's.
    """
    called = (plays.of_reason(code, circumstances) for code in _against(rule, reasons))
    found = next(filter(None, called), None) or plays.of_circumstance(circumstances)
    play, cause = found or (plays.of_code(rule.action), None)
    if play is None:
        return Advice(rule.action, None, named or rule.owner, rule.due_hours)
    due_hours = min(rule.due_hours, play.due_hours)
    return Advice(play.code, cause, named or play.owner or rule.owner, due_hours)


def _against(rule: Rule, reasons: Sequence[Reason]) -> list[str]:
    """Codes of what speaks against the customer under a rule, largest first."""
    ranked = sorted(reasons, key=lambda reason: -abs(reason.contribution))
    trust = [each.code for each in ranked if each.score == "trust" and each.contribution < 0.0]
    if rule.kind in ("trust_below", "trust_drop"):
        return trust
    if rule.kind == "component_below":
        part = rule.component or ""
        return [part] if part in DIMENSION_OF else [code for code in trust if DIMENSION_OF.get(code) == part]
    if rule.kind == "promise_overdue":
        return [code for code in trust if code in DERIVED_CAUSES]
    if rule.kind == "payment_failed":
        return ["payment_failures"]
    behind = {"trust": trust, "overdue_promises": [code for code in trust if code in DERIVED_CAUSES]}
    risk = [each.code for each in ranked if each.score == "churn_risk" and each.contribution > 0.0]
    return [code for term in risk for code in behind.get(term, [term])]


def parse(text: str, source: str = "plays") -> Plays:
    """Plays from TOML text.

    Raises:
        ConfigError: syntax, a value outside its domain; an unknown, repeated or missing code; a reason that
            does not exist or calls for two plays.
    """
    hint = "compare with the shipped stream/alerts/plays.toml"
    try:
        plays = msgspec.toml.decode(text, type=Plays)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{source}: {error}", hint=hint) from error
    if fault := _fault(plays):
        raise ConfigError(f"{source}: {fault}", hint=hint)
    return plays


def _fault(plays: Plays) -> str:
    """The first contradiction; empty if there is none."""
    codes = [play.code for play in plays.play]
    for code in [*codes, *CODES]:
        if code not in CODES:
            return f"{code!r} is no play"
        if codes.count(code) != 1:
            return f"{code!r} is declared {codes.count(code)} times"
    called: dict[tuple[str, str], str] = {}
    for play in plays.play:
        if (play.circumstance is None) != (not play.takes_over):
            return f"{play.code!r}: `circumstance` and `takes_over` go together"
        wanted = [("", code) for code in play.reasons]
        wanted += [(str(play.circumstance), code) for code in play.takes_over]
        for key in wanted:
            if key[1] not in CAUSES:
                return f"{play.code!r}: {key[1]!r} is no reason that calls for a play"
            if key in called:
                return f"{key[1]!r} calls for {called[key]!r} and for {play.code!r}"
            called[key] = play.code
    return ""


def load(path: Path | None = None) -> Plays:
    """Plays of a file; the shipped ones by default."""
    source = path or SHIPPED
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {source}: {error}", hint="check the path given as --plays") from error
    return parse(text, str(source))
