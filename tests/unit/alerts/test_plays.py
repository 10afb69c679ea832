"""The recommended action: the largest reason against the customer decides, and no other."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.score import Reason
from stream.alerts import plays, rules
from stream.alerts.plays import CAUSES, CIRCUMSTANCES, CODES, Advice, advise
from stream.alerts.rules import Kind, Rule
from stream.errors import ConfigError
from stream.model.evidence import DIMENSION_OF
from stream.model.risk import BASE_TERMS, TERMS

SHIPPED = plays.load()
TEXT = plays.SHIPPED.read_text(encoding="utf-8")


def rule_of(kind: Kind, **fields: object) -> Rule:
    base = {
        "id": "r",
        "kind": kind,
        "open": 1.0,
        "clear": 2.0,
        "severity": "error",
        "owner": "support",
        "action": "call_today",
        "due_hours": 30.0,
    }
    return msgspec.convert(base | fields, Rule)


def trust(code: str, points: float) -> Reason:
    return Reason("trust", code, points)


def churn(code: str, log_odds: float) -> Reason:
    return Reason("churn_risk", code, log_odds)


TRUST, RISK = rule_of("trust_below"), rule_of("churn_risk_above")
REASONS = st.lists(
    st.builds(
        lambda which, sign, size: Reason(which[0], which[1], sign * size),
        st.sampled_from([*(("trust", c) for c in DIMENSION_OF), *(("churn_risk", t) for t in TERMS)]),
        st.sampled_from([-1.0, 1.0]),
        st.floats(0.01, 50.0),
    ),
    max_size=6,
)

CAUSED = {
    "delivery": "fix_delivery",
    "delivery_overdue": "fix_delivery",
    "ticket": "answer_ticket",
    "ticket_overdue": "answer_ticket",
    "complaint": "answer_ticket",
    "effort": "remove_effort",
    "survey": "close_the_loop",
    "review": "close_the_loop",
    "breach": "disclose",
    "incident": "correct_and_confirm",
}


@pytest.mark.parametrize(("cause", "play"), CAUSED.items())
def test_each_cause_of_lost_trust_has_its_play(cause: str, play: str) -> None:
    """What failed names what to do, even where something smaller failed too."""
    found = advise(TRUST, [trust("recovery", 20.0), trust("care", -1.0), trust(cause, -9.0)], SHIPPED)
    assert (found.code, found.cause) == (play, cause)


@pytest.mark.parametrize(
    ("term", "play"),
    [
        ("silence", "personal_note"),
        ("payment_failures", "correct_and_confirm"),
        ("engagement_fall", "fewer_mails"),
        ("unsubscribed", "fewer_mails"),
        ("term_end", "ask_before_renewal"),
    ],
)
def test_each_term_of_the_risk_has_its_play(term: str, play: str) -> None:
    """The largest term that raises the risk decides; what lowers it, or holds for all, does not."""
    found = advise(RISK, [churn("frequency", -9.0), churn("newcomer", 5.0), churn(term, 2.0)], SHIPPED)
    assert (found.code, found.cause) == (play, term)


def test_only_the_score_of_the_rule_is_looked_at() -> None:
    """A late delivery does not explain a silence, nor a silence lost trust."""
    both = [trust("delivery", -30.0), churn("silence", 1.0)]
    assert advise(RISK, both, SHIPPED).cause == "silence"
    assert advise(TRUST, both, SHIPPED).cause == "delivery"
    assert advise(rule_of("value_at_risk_above"), both, SHIPPED).cause == "silence"


def test_low_trust_behind_a_risk_is_traced_to_what_failed() -> None:
    """`trust` and `overdue_promises` name no failure themselves: the causes of trust behind them do."""
    reasons = [
        churn("trust", 2.0),
        churn("silence", 1.0),
        trust("survey", -9.0),
        trust("ticket_overdue", -4.0),
    ]
    assert advise(RISK, reasons, SHIPPED).cause == "survey"
    reasons[0] = churn("overdue_promises", 2.0)
    assert advise(RISK, reasons, SHIPPED).cause == "ticket_overdue"
    assert advise(RISK, reasons[:2], SHIPPED).cause == "silence"


def test_a_rule_about_one_part_asks_about_that_part() -> None:
    """A component, an overdue promise, a failed payment: the rule itself says the cause."""
    reasons = [trust("survey", -20.0), trust("delivery_overdue", -2.0), trust("effort", -1.0)]
    assert advise(rule_of("component_below", component="effort"), reasons, SHIPPED).cause == "effort"
    reliability = rule_of("component_below", component="reliability")
    assert advise(reliability, reasons, SHIPPED).cause == "delivery_overdue"
    assert advise(rule_of("promise_overdue"), reasons, SHIPPED).code == "fix_delivery"
    assert advise(rule_of("payment_failed"), reasons, SHIPPED).code == "correct_and_confirm"


def test_channel_hopping_takes_tickets_over_and_nothing_else() -> None:
    """Who was sent from desk to desk gets one person; who got a late parcel still gets the parcel."""
    hops = {"channel_hopping"}
    assert advise(TRUST, [trust("ticket", -9.0)], SHIPPED, hops) == Advice(
        "one_owner", "channel_hopping", "support", 8.0
    )
    assert advise(TRUST, [trust("delivery", -9.0)], SHIPPED, hops).code == "fix_delivery"
    assert advise(TRUST, [], SHIPPED, hops).code == "one_owner"
    spurious = advise(TRUST, [trust("refund", -9.0)], SHIPPED, {"spurious_loyalty"})
    assert (spurious.code, spurious.cause) == ("ask_before_renewal", "spurious_loyalty")
    assert advise(TRUST, [trust("refund", -9.0)], SHIPPED).code == "close_the_loop"


def test_without_a_cause_the_rule_asks() -> None:
    """No reason against the customer, or none that has a play: the rule's own action, owner and time."""
    for reasons in ([], [trust("delivery", 5.0)], [trust("a_cause_of_tomorrow", -5.0)]):
        assert advise(TRUST, reasons, SHIPPED) == Advice("call_today", None, "support", 8.0)
    strange = rule_of("trust_below", action="send_flowers")
    assert advise(strange, [], SHIPPED) == Advice("send_flowers", None, "support", 30.0)


def test_who_was_named_does_it() -> None:
    """A person or an escalation stands above the play's owner, the play's above the rule's."""
    breach = [trust("breach", -9.0)]
    assert advise(TRUST, breach, SHIPPED).owner == "data-protection"
    assert advise(TRUST, breach, SHIPPED, named="mika").owner == "mika"
    assert advise(TRUST, [trust("survey", -9.0)], SHIPPED).owner == "support"


@given(REASONS, st.sampled_from(CIRCUMSTANCES), st.sampled_from([TRUST, RISK, rule_of("trust_drop")]))
def test_advice_is_never_later_than_the_rule_and_never_unknown(
    reasons: list[Reason], circumstance: str, rule: Rule
) -> None:
    """Whatever the reasons and their order: a known code, due by the rule's time at the latest."""
    found = advise(rule, reasons, SHIPPED, {circumstance})
    assert found.code in CODES
    assert found.due_hours <= rule.due_hours
    assert found.cause is None or found.cause in {*CAUSES, *CIRCUMSTANCES}
    sizes = [abs(each.contribution) for each in reasons]
    if len(set(sizes)) == len(sizes):
        assert advise(rule, reasons[::-1], SHIPPED, {circumstance}) == found


def test_every_reason_that_can_speak_against_a_customer_has_a_play() -> None:
    """What has none is said here: it cannot be acted upon, or never takes anything away."""
    without = CAUSES - {code for play in SHIPPED.play for code in play.reasons}
    assert without == {"recovery", "frequency", "age", "amount", "tenure"}
    assert not CAUSES & {*BASE_TERMS, "trust", "overdue_promises"}


def test_shipped_rules_name_known_actions() -> None:
    """The action of every rule that ships is a play."""
    assert {rule.action for rule in rules.load().rule} <= set(CODES)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[[play]]", "[[play]", "plays"),
        ('code = "disclose"', 'code = "send_flowers"', "is no play"),
        ('code = "call_today"', 'code = "disclose"', "is declared 2 times"),
        ('reasons = ["breach"]', 'reasons = ["data"]', "is no reason"),
        ('reasons = ["breach"]', 'reasons = ["trust"]', "is no reason"),
        ('reasons = ["breach"]', 'reasons = ["delivery"]', "calls for 'fix_delivery' and for 'disclose'"),
        ('circumstance = "channel_hopping"\n', "", "go together"),
        ('circumstance = "channel_hopping"', 'circumstance = "rain"', "Invalid enum value"),
        ("due_hours = 4\n", "due_hours = 0\n", "> 0"),
        ("due_hours = 4\n", "due_hours = nan\n", "> 0"),
        ('owner = "billing"', 'boss = "billing"', "unknown field"),
        ('owner = "billing"', 'owner = ""', "length >= 1"),
    ],
)
def test_a_fault_in_the_file_is_named(before: str, after: str, said: str) -> None:
    """Every contradiction is refused with its reason and a next step."""
    assert before in TEXT
    with pytest.raises(ConfigError, match=said) as refused:
        plays.parse(TEXT.replace(before, after, 1))
    assert "plays.toml" in refused.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or not text."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    for name in ("bytes.toml", "missing.toml"):
        with pytest.raises(ConfigError, match=name):
            plays.load(tmp_path / name)


def test_a_play_that_is_left_out_is_missed() -> None:
    """A file without one of the codes is refused: a rule may name it."""
    start = TEXT.index('[[play]]\ncode = "call_today"')
    with pytest.raises(ConfigError, match="'call_today' is declared 0 times"):
        plays.parse(TEXT[:start] + TEXT[TEXT.index("[[play]]", start + 1) :])
