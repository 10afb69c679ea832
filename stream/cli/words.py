"""English: reasons, actions and everything else that `kizuna explain` and `kizuna whatif` say."""

__all__ = ["ACTIONS", "CHURN_WORDS", "NUMBERS", "PHRASES", "TRUST_WORDS"]

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
    "frequency": ("bought seldom", "has come back to buy"),
    "silence": ("silent for longer than usual", "bought just now"),
    "contract": ("where every subscriber starts", "where every subscriber starts"),
    "cancellation": ("the contract is ending or was cancelled", "the contract runs on"),
    "trust": ("trust is low", "trust is high"),
    "overdue_promises": ("we owe the customer something", "nothing is owed"),
    "payment_failures": ("payments failed lately", "payments go through"),
    "engagement_fall": ("looks in less than usual", "looks in as usual"),
    "unsubscribed": ("unsubscribed from mail", "subscribed to mail"),
}
"""Term of the churn risk: words when it raises the risk, words when it lowers it."""

NUMBERS: dict[str, tuple[str, str]] = {
    "frequency": ("on {observed:.0f|day|days}", ""),
    "silence": ("{observed:.0f|day|days}", "usual gap {usual:.0f}"),
    "trust": ("{observed:.0f}", "{usual:.0f} when nothing is known"),
    "overdue_promises": ("{observed:.0f} overdue", ""),
    "payment_failures": ("{observed:.1f}, older ones fading", ""),
    "engagement_fall": ("{observed:.1f} a month", "usually {usual:.1f}"),
}
"""Code -> what was seen, what is usual; a number may bring its noun: `{observed:.0f|day|days}`."""

ACTIONS: dict[str, str] = {
    "first_reply": "give ticket {about} its first reply",
    "apologise": "apologise in person",
    "payment": "get the failed payment through",
    "resubscribe": "win back the mail subscription",
    "visit": "get the customer to visit",
    "csat": "earn a CSAT answer of 5",
    "resolve": "resolve ticket {about}",
    "deliver": "deliver {about}",
    "compensate": "compensate",
    "purchase": "win a purchase",
    "renew": "win a renewal",
}
"""Code of an action -> what to do; `{about}` is the ticket or delivery."""

PHRASES: dict[str, str] = {
    "head": "{customer} at {time}, from {events:.0f|event|events}",
    "trust": "trust",
    "churn_risk": "churn risk",
    "trust_line": "{trust:.2f}   95 % between {low:.1f} and {high:.1f}, uncertainty {uncertainty:.2f}",
    "start": "where everybody starts",
    "others": "{n:.0f|smaller reason|smaller reasons}",
    "sum": "sum",
    "exactly": "exactly the score",
    "exactly_change": "exactly the change",
    "not_exactly": "NOT THE SCORE",
    "risk_absent": "absent: no purchase and no subscription so far",
    "risk_line": "{risk:.4f}   within {horizon:.0f} days; in log-odds:",
    "risk_sum": "sum, a probability of {risk:.4f}",
    "open_alert": "open alert  {rule} ({severity}) since {time}: {action}",
    "no_alerts": "open alerts: none",
    "changed": "what changed since {time}",
    "from_to": "{before:.2f} -> {after:.2f}",
    "from_to_risk": "{before:.4f} -> {after:.4f}; in log-odds:",
    "risk_came": "absent then, {after:.4f} now: there is no change to explain",
    "risk_absent_both": "absent at both times",
    "then": "was {before:+.4f}, is {after:+.4f}",
    "reliability": "reliability",
    "responsiveness": "responsiveness",
    "assurance": "assurance",
    "empathy": "empathy",
    "tangibles": "tangibles",
    "nothing_changed": "nothing",
    "grade": "mean grade {observed:+.2f}, neutral {usual:.0f}",
    "unreadable": "{n:.0f|line|lines} of the file could not be read and belong to nobody",
    "now": "now: trust {trust:.2f}, churn risk {risk}",
    "absent": "absent",
    "goal_trust": "trust above {beyond:.2f}",
    "goal_churn_risk": "churn risk below {beyond:.4f}",
    "goal_rule": "({rule})",
    "goals_open": "to clear what is open: {goals}",
    "goals_none": "no alert is open; to stay clear: {goals}",
    "goals_asked": "to clear: {goals}",
    "no_goals": "no rule applies to this customer; name a threshold with --threshold",
    "already": "Nothing needs to be done: that is so already.",
    "best": "The smallest that is enough: {actions}.",
    "none": "Nothing that can be done now is enough, nor are two actions together ({pairs:.0f} pairs tried).",
    "nearest": "Nearest: {actions}.",
    "plan": "trust {trust:.2f} ({trust_change:+.2f}), churn risk {risk}",
    "risk_moved": "{risk:.4f} ({change:+.4f})",
    "enough": "enough",
    "not_enough": "not enough",
    "minutes": "{effort:.0f} min",
    "and": " and ",
    "by_us": "we",
    "by_customer": "the customer",
    "left_out": "{n:.0f|open promise was|open promises were} too many to try",
}
"""Name -> sentence."""
