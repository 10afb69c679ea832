"""Every reason has words, and they say which way it points."""

import msgspec
import pytest

from stream.cli.demo_account import Chains
from stream.cli.sentences import reason_words, reasons_words
from stream.cli.times import parse_time, shown
from stream.cli.words import CHURN_WORDS, TRUST_WORDS
from stream.errors import ConfigError
from stream.model.risk import TERMS
from stream.model.trust import ALL_CAUSES


def test_every_reason_has_words() -> None:
    """No code of the model reaches a person as a code, and none is left that the model has dropped."""
    assert set(TRUST_WORDS) == set(ALL_CAUSES)
    assert set(CHURN_WORDS) == set(TERMS)


def test_the_sign_chooses_the_words() -> None:
    """The same code for better and for worse reads differently."""
    assert reason_words("trust", "delivery", 3.0) != reason_words("trust", "delivery", -3.0)
    assert "late" in reason_words("trust", "delivery", -3.0)


def test_numbers_are_said_where_they_are_known() -> None:
    """Observed beside usual, in the reason's unit; without numbers only the words."""
    assert reason_words("churn_risk", "silence", 2.0, 64.0, 6.0).endswith("(64 days, usual gap 6)")
    assert "(" not in reason_words("churn_risk", "silence", 2.0)


def test_an_alert_names_what_speaks_against_the_customer() -> None:
    """Largest first, only the alert's own score, and never what holds for everybody."""
    reasons = [
        ("churn_risk", "newcomer", 0.5),
        ("churn_risk", "frequency", -4.0),
        ("churn_risk", "trust", 0.3),
        ("churn_risk", "silence", 8.0),
        ("trust", "survey", -9.0),
    ]
    assert reasons_words(reasons, "churn_risk") == "silent for longer than usual; trust is low"
    assert reasons_words(reasons, "trust") == "gave bad marks in surveys"


def test_times_are_read_as_utc_unless_they_say_otherwise() -> None:
    """Dates, local times and offsets; anything else is refused with an example."""
    assert parse_time("2026-11-22") == parse_time("2026-11-22T00:00:00Z") == 1_795_305_600_000
    assert parse_time("2026-11-22T02:00:00+02:00") == parse_time("2026-11-22")
    assert shown(parse_time("2026-11-22T10:00:00Z")) == "2026-11-22T10:00:00Z"
    with pytest.raises(ConfigError):
        parse_time("yesterday")


@pytest.mark.parametrize(
    ("sequence", "n_broken"), [([1, 2, 3], 0), ([1, 3], 1), ([1, 2, 2, 3], 1), ([2], 1), ([1, 2, 1, 2], 1)]
)
def test_chain_of_scores_knows_gap_and_repeat(sequence: list[int], n_broken: int) -> None:
    """A lost or doubled score breaks its customer's chain, whatever other customers do meanwhile."""
    chains = Chains()
    for seq in sequence:
        chains.add(b"a", msgspec.json.encode({"seq": seq, "trust": 50.0, "churn_risk": None}))
        chains.add(b"b%d" % seq, msgspec.json.encode({"seq": 1, "trust": 50.0, "churn_risk": 0.5}))
    others = len(sequence) - len(set(sequence))  # the other customers' repeats are counted too
    assert chains.n_broken == n_broken + others
