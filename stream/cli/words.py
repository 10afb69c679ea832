"""Reasons in English: from codes and numbers, which is all that crosses the wire, to sentences."""

from collections.abc import Sequence

from stream.model.risk import BASE_TERMS

__all__ = ["CHURN_WORDS", "TRUST_WORDS", "reason_words", "reasons_words"]

TRUST_WORDS: dict[str, tuple[str, str]] = {
    "survey": ("gave good marks in surveys", "gave bad marks in surveys"),
    "effort": ("found it easy to get things done", "found it hard to get things done"),
    "review": ("wrote good reviews", "wrote bad reviews"),
    "delivery": ("deliveries came on time", "deliveries came late or failed"),
    "ticket": ("tickets were answered in time", "tickets were answered too late"),
    "complaint": ("complains no more", "complained: a ticket was escalated or reopened"),
    "incident": ("was spared", "suffered an outage or a billing error"),
    "breach": ("was spared", "was hit by a data breach"),
    "refund": ("keeps what was bought", "asked for money back or returned goods"),
    "care": ("takes part: loyalty programme, referrals", "turned away from the loyalty programme"),
    "recovery": ("we made up for a failure", "we failed to make up for a failure"),
    "delivery_overdue": ("no delivery is overdue", "a promised delivery is overdue right now"),
    "ticket_overdue": ("no ticket is overdue", "an open ticket is overdue right now"),
}
"""Cause of evidence: words when it adds to trust, words when it takes from it."""

CHURN_WORDS: dict[str, tuple[str, str]] = {
    "newcomer": ("where every buyer starts", "where every buyer starts"),
    "average": ("where the average customer stands", "where the average customer stands"),
    "frequency": ("bought seldom", "has come back to buy"),
    "silence": ("silent for longer than usual", "bought not long ago"),
    "age": ("of an age at which more leave", "of an age at which more stay"),
    "amount": ("spends less at a time than others", "spends more at a time than others"),
    "contract": ("where every subscriber starts", "where every subscriber starts"),
    "cancellation": ("the contract is ending or was cancelled", "the contract runs on"),
    "trust": ("trust is low", "trust is high"),
    "overdue_promises": ("we owe the customer something", "nothing is owed"),
    "payment_failures": ("payments failed lately", "payments go through"),
    "engagement_fall": ("looks in less than usual", "looks in as usual"),
    "unsubscribed": ("unsubscribed from mail", "subscribed to mail"),
    "tenure": ("new among the subscribers", "has stayed with us"),
    "term_end": ("the contract's term ends", "the contract's term runs on"),
}
"""Term of the churn risk: words when it raises the risk, words when it lowers it."""

NUMBERS: dict[str, tuple[str, str]] = {
    "frequency": ("on {observed:.0f} days", ""),
    "silence": ("{observed:.0f} days", "usual gap {usual:.0f}"),
    "age": ("{observed:.0f} days since the first purchase", ""),
    "amount": ("{observed:.2f} a day with a purchase", "usually {usual:.2f}"),
    "trust": ("{observed:.0f}", "{usual:.0f} when nothing is known"),
    "overdue_promises": ("{observed:.0f} overdue", ""),
    "payment_failures": ("{observed:.1f}, older ones fading", ""),
    "engagement_fall": ("{observed:.1f} a month", "usually {usual:.1f}"),
    "tenure": ("for {observed:.0f} months", ""),
    "term_end": ("{observed:.0f} days to its end", ""),
}


def reason_words(
    score: str, code: str, contribution: float, observed: float | None = None, usual: float | None = None
) -> str:
    """One reason as a clause, numbers in brackets where they are known; a code without words as it is.

    Args:
        score: "trust" or "churn_risk".
        code: of the reason.
        contribution: its sign chooses the words.
        observed: what was seen.
        usual: beside it.
    """
    words = (TRUST_WORDS if score == "trust" else CHURN_WORDS).get(code)
    if words is None:
        return code
    text = words[0] if contribution > 0 else words[1]
    if score == "trust" or observed is None or code not in NUMBERS:
        return text
    seen, beside = NUMBERS[code]
    parts = [seen.format(observed=observed)]
    if beside and usual is not None:
        parts.append(beside.format(usual=usual))
    return f"{text} ({', '.join(parts)})"


def reasons_words(reasons: Sequence[tuple[str, str, float]], about: str, worst: int = 2) -> str:
    """The reasons that speak against a customer's score, largest first, in one line.

    Args:
        reasons: (score, code, contribution).
        about: "trust" or "churn_risk": the score that the line is about.
        worst: how many at most.
    """
    bad = -1 if about == "trust" else 1
    against = [
        reason
        for reason in reasons
        if reason[0] == about and reason[2] * bad > 0 and reason[1] not in BASE_TERMS
    ]
    against.sort(key=lambda reason: -abs(reason[2]))
    return "; ".join(reason_words(*reason) for reason in against[:worst])
