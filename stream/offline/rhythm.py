"""How customers come back, and how they leave without a reason of ours: shoppers and subscribers."""

from schemas.interaction import Engagement, Payment, Subscription
from stream.offline.everyday import browse, introduce, order
from stream.offline.life import DAY_MS, HOUR_MS, Life, moment

__all__ = ["shopper", "subscriber"]

MONTH_MS = 30 * DAY_MS
MAX_GAP_DAYS = 365.0
P_DECLINED = 0.04  # charges that fail at first; nearly all go through within days
P_SAYS_SO = 0.75  # cancels; the others let the term run out


def shopper(life: Life, start_ms: float) -> float | None:
    """Buys at a rate and with a regularity of its own, and may drop out after any purchase.

    Rates are gamma distributed and drop-out is geometric, as in the MBG/NBD (Batislam et al. 2007); the gaps
    are gamma distributed with a shape of 1 (random) and more (regular), as in the Pareto/GGG (Platzer &
    Reutterer 2016). In trouble the gaps grow with the mood: people defect partially before they leave.

    Returns:
        when it left, by itself or at the end of its spell; None if it is still there.
    """
    chance, spell = life.chance, life.spell
    gap_days = min(MAX_GAP_DAYS, 1.0 / chance.gammavariate(2.0, 1 / 50.0))
    regularity = 1.0 + chance.expovariate(1 / 1.5)
    p_drop = chance.betavariate(1.0, 24.0)
    stop_ms = spell.end_ms if spell is not None and spell.leaves else None
    at_ms, last_ms = start_ms, life.end_ms if stop_ms is None else stop_ms
    member = introduce(life, start_ms)
    while at_ms < last_ms:
        order(life, at_ms, member)
        if stop_ms is None and life.happens(p_drop):
            return at_ms
        gap = max(0.05, chance.gammavariate(regularity, gap_days / regularity))
        next_ms = at_ms + gap * DAY_MS * _slower(life, at_ms)
        browse(life, at_ms + HOUR_MS, min(next_ms, last_ms), chance.randrange(0, 4))
        at_ms = next_ms
    return stop_ms


def subscriber(life: Life, start_ms: float) -> float | None:
    """Pays by the month and uses what it pays for; the contract may end after any month.

    Returns:
        when the contract ended: by itself, or with the first term that ends after the spell; None if it runs.
    """
    chance, spell = life.chance, life.spell
    contract, price = life.name("contract"), chance.choice((9.0, 19.0, 49.0))
    uses = chance.gammavariate(2.0, 4.0)  # a month
    p_leave = chance.betavariate(1.0, 40.0)
    introduce(life, start_ms)
    at_ms, status = start_ms, "started"
    while at_ms < life.end_ms:
        end_ms = at_ms + MONTH_MS
        _charge(life, at_ms, price)
        life.add(Subscription, at_ms, subscription_id=contract, status=status, term_end=moment(end_ms))
        for _ in range(1 + int(uses * chance.uniform(0.6, 1.4))):
            used_ms = chance.uniform(at_ms, end_ms)
            kind = chance.choice(("login", "feature_use", "feature_use"))
            if chance.random() >= 0.8 * life.mood(used_ms):
                life.add(Engagement, used_ms, kind=kind)
        if spell.end_ms <= end_ms if spell is not None and spell.leaves else life.happens(p_leave):
            if life.happens(P_SAYS_SO):
                said_ms = end_ms - life.within(1, 25)
                life.add(Subscription, said_ms, subscription_id=contract, status="cancel_requested")
                life.add(Subscription, end_ms, subscription_id=contract, status="cancelled")
            else:
                life.add(Subscription, end_ms, subscription_id=contract, status="expired")
            return end_ms
        at_ms, status = end_ms, "renewed"
    return None


def _slower(life: Life, at_ms: float) -> float:
    """How many times longer the next gap is: up to 2.5 for those who will leave, 4 where all just fades."""
    spell = life.spell
    if spell is None:
        return 1.0
    most = 3.0 if spell.cause == "fading_interest" else 1.5 if spell.leaves else 0.3
    return 1.0 + most * life.mood(at_ms)


def _charge(life: Life, at_ms: float, price: float) -> None:
    if life.happens(P_DECLINED):
        life.add(Payment, at_ms, status="failed", amount=price, currency="EUR")
        at_ms += life.within(1, 4)
    life.add(Payment, at_ms, status="succeeded", amount=price, currency="EUR")
