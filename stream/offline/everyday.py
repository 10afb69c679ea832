"""What happens to customers of whom nothing special is to be told: orders, opinions, tickets, small failures.

Every rate is declared, not measured: of the size that shops report, so that the ordinary failures of ordinary
days are there to be mistaken for trouble. What a customer answers follows its mood.
"""

from schemas.interaction import (
    Delivery,
    Engagement,
    Incident,
    Loyalty,
    Profile,
    Purchase,
    Recovery,
    Referral,
    Refund,
    Review,
    Survey,
    Ticket,
)
from stream.offline.life import DAY_MS, HOUR_MS, Life, moment

__all__ = ["answer", "browse", "introduce", "mishaps", "order", "rate", "ticket"]

SEGMENTS = ("home", "family", "studio", "business")
LOCALES = ("en-GB", "de-DE", "ja-JP", "pt-BR")
SHOPS = ("web", "app", "store")
DESKS = ("chat", "email", "phone")
PRIORITIES = ("low", "normal", "high", "urgent")
RESOLUTION_HOURS = {"low": 168.0, "normal": 72.0, "high": 24.0, "urgent": 8.0}  # what the desk aims at

FREIGHT = 4.9
P_LATE, P_FAILED = 0.08, 0.015  # parcels: one in twelve is late, mostly by a day
P_CHARGEBACK = 0.002  # per order; card schemes take measures from about one in a hundred
P_REVIEW, P_SURVEY, P_REFUND, P_TICKET = 0.10, 0.12, 0.06, 0.07  # per order
P_TICKET_LATE, P_TICKET_REOPENED, P_TICKET_LOST = 0.12, 0.05, 0.01
OUTAGES_A_YEAR, BILLING_ERRORS_A_YEAR, OTHERS_A_YEAR = 0.4, 0.08, 0.15  # per customer

# Answers of the contented and of the angry, lowest first; a coin weighted by the mood decides which.
CONTENT = {
    "nps": (0.2, 0.2, 0.3, 0.5, 1, 2, 4, 12, 22, 28, 30),
    "csat": (1, 3, 12, 42, 42),
    "ces1": (38, 40, 14, 6, 2),  # effort: low is good
    "ces2": (1, 2, 4, 10, 20, 35, 28),
    "stars": (1, 3, 10, 32, 54),
}
ANGRY = {
    "nps": (16, 13, 15, 16, 13, 10, 8, 5, 3, 1, 0),
    "csat": (38, 34, 18, 8, 2),
    "ces1": (2, 8, 18, 34, 38),
    "ces2": (28, 26, 20, 13, 8, 4, 1),
    "stars": (45, 27, 16, 9, 3),
}
LOWEST = {"nps": 0, "csat": 1, "ces1": 1, "ces2": 1, "stars": 1}


def introduce(life: Life, at_ms: float) -> bool:
    """First contact; returns whether the customer joins the loyalty programme."""
    chance = life.chance
    tier = chance.choices(("standard", "silver", "gold", "platinum"), (70, 18, 9, 3))[0]
    life.add(Profile, at_ms, segment=chance.choice(SEGMENTS), tier=tier, locale=chance.choice(LOCALES))
    joins = life.happens(0.3)
    if joins:
        life.add(Loyalty, at_ms + HOUR_MS, kind="joined")
    return joins


def browse(life: Life, from_ms: float, until_ms: float, times: int) -> None:
    """Looks around; the angrier, the less. A few no longer want mail, and some of them again later."""
    chance = life.chance
    for _ in range(times):
        at_ms = chance.uniform(from_ms, until_ms)
        kind = chance.choices(("visit", "login", "email_open", "email_click"), (5, 2, 2, 1))[0]
        if chance.random() >= 0.8 * life.mood(at_ms):
            life.add(Engagement, at_ms, kind=kind)
    if life.happens(0.004):
        life.add(Engagement, until_ms, kind="unsubscribed")
        if life.happens(0.4):
            life.add(Engagement, until_ms + life.within(20, 60), kind="resubscribed")


def order(life: Life, at_ms: float, member: bool) -> None:
    """A purchase, a delivery that is nearly always on time, and sometimes an opinion or a question."""
    chance = life.chance
    name, parcel = life.name("order"), life.name("parcel")
    amount, items = round(min(2_000.0, chance.lognormvariate(3.4, 0.6)), 2), chance.randrange(1, 5)
    life.add(Engagement, at_ms - 0.5 * HOUR_MS, kind=chance.choice(("visit", "email_click", "login")))
    life.add(Purchase, at_ms, amount=amount, currency="EUR", order_id=name, items=items,
             channel=chance.choice(SHOPS))  # fmt: skip
    promised_ms = at_ms + life.within(3, 6)
    late = life.happens(P_LATE)
    arrived_ms = promised_ms + (chance.expovariate(1.0) * DAY_MS if late else -life.within(0.1, 2))
    life.add(Delivery, at_ms + HOUR_MS, delivery_id=parcel, status="promised", order_id=name,
             promised_at=moment(promised_ms), items=items, value=amount, freight=FREIGHT)  # fmt: skip
    shipped_ms = at_ms + HOUR_MS + chance.uniform(0.05, 0.6) * (arrived_ms - at_ms - HOUR_MS)
    life.add(Delivery, shipped_ms, delivery_id=parcel, status="shipped", order_id=name)
    if life.happens(P_FAILED):
        life.add(Delivery, arrived_ms, delivery_id=parcel, status="failed", order_id=name)
        arrived_ms += life.within(1, 3)
    life.add(Delivery, arrived_ms, delivery_id=parcel, status="arrived", order_id=name)
    if life.happens(P_REVIEW):
        rate(life, arrived_ms + life.within(1, 5), name)
    if life.happens(P_SURVEY):
        answer(life, arrived_ms + life.within(0, 2), "nps")
    if life.happens(P_REFUND):
        life.add(Refund, arrived_ms + life.within(1, 8), amount=amount, currency="EUR", order_id=name,
                 kind=chance.choice(("refund", "return")))  # fmt: skip
    if life.happens(P_CHARGEBACK):
        life.add(Refund, arrived_ms + life.within(5, 30), amount=amount, currency="EUR", order_id=name,
                 kind="chargeback")  # fmt: skip
    if member and life.happens(0.8):
        life.add(Loyalty, arrived_ms, kind=chance.choices(
            ("earned", "redeemed", "tier_up", "tier_down", "left"), (80, 12, 4, 3, 1))[0])  # fmt: skip
    if life.happens(0.03 * (1.0 - life.mood(arrived_ms))):
        life.add(Referral, arrived_ms + life.within(1, 9))
    if life.happens(P_TICKET):
        ticket(life, arrived_ms)


def ticket(life: Life, at_ms: float) -> None:
    """A question, answered and solved; now and then late, reopened, or lost for good."""
    chance = life.chance
    name, desk = life.name("ticket"), chance.choice(DESKS)
    priority = chance.choices(PRIORITIES, (20, 55, 20, 5))[0]
    due_h = RESOLUTION_HOURS[priority]
    taken_h = due_h * (chance.uniform(1.1, 2.5) if life.happens(P_TICKET_LATE) else chance.uniform(0.2, 0.95))
    about = {"ticket_id": name, "priority": priority, "channel": desk}
    life.add(Ticket, at_ms, status="opened", **about)
    life.add(Ticket, at_ms + 0.1 * taken_h * HOUR_MS, status="first_reply", **about)
    if life.happens(P_TICKET_LOST):
        return
    solved_ms = at_ms + taken_h * HOUR_MS
    life.add(Ticket, solved_ms, status="resolved", **about)
    if life.happens(P_TICKET_REOPENED):
        life.add(Ticket, solved_ms + life.within(0.5, 2), status="reopened", **about)
        solved_ms += life.within(2.5, 4)
        life.add(Ticket, solved_ms, status="resolved", **about)
    if life.happens(0.5):
        answer(life, solved_ms + life.within(0, 1), chance.choices(("csat", "ces2", "ces1"), (5, 3, 2))[0])
    if life.happens(0.1):
        life.add(Recovery, solved_ms, kind="apology")


def mishaps(life: Life, from_ms: float, until_ms: float) -> None:
    """Outages and errors of ours that meet everybody now and then."""
    chance, years = life.chance, (until_ms - from_ms) / (365.0 * DAY_MS)
    for kind, a_year in (
        ("outage", OUTAGES_A_YEAR),
        ("billing_error", BILLING_ERRORS_A_YEAR),
        ("other", OTHERS_A_YEAR),
    ):
        if life.happens(min(1.0, a_year * years)):
            at_ms = chance.uniform(from_ms, until_ms)
            severity = chance.choices(("minor", "major", "critical"), (84, 15, 1))[0]
            life.add(Incident, at_ms, kind=kind, severity=severity)
            if severity != "minor":
                life.add(Recovery, at_ms + life.within(1, 4), kind="compensation", amount=10.0)


def answer(life: Life, at_ms: float, instrument: str) -> None:
    """Fill in a survey."""
    asked = moment(at_ms - life.within(0.05, 0.5))
    score = _opinion(life, at_ms, instrument)
    life.add(Survey, at_ms, instrument=instrument, score=score, requested_at=asked)


def rate(life: Life, at_ms: float, order_id: str | None = None) -> None:
    """Give stars."""
    life.add(Review, at_ms, rating=_opinion(life, at_ms, "stars"), order_id=order_id)


def _opinion(life: Life, at_ms: float, scale: str) -> int:
    weights = (ANGRY if life.happens(life.mood(at_ms)) else CONTENT)[scale]
    return LOWEST[scale] + life.chance.choices(range(len(weights)), weights)[0]
