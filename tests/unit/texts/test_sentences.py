"""Every reason has words, and they say which way it points."""

from stream.model.risk import TERMS
from stream.model.trust import ALL_CAUSES
from stream.texts.sentences import reason_words, reasons_words
from stream.texts.words import CHURN_WORDS, TRUST_WORDS


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
