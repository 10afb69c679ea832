"""One customer's memory at a time -> trust, uncertainty and churn risk, formula by formula."""

import math
from dataclasses import dataclass

from stream.model.parameters import Contract, Mbg, Parameters, Risk
from tests.oracles.memory import CAUSES, DAY_MS, LANDMARK_MS, Memory
from tests.oracles.reading import FIRST_MS

__all__ = ["DIMENSION", "Score", "contributions", "failures", "score"]

DIMENSION = {
    "survey": "assurance",
    "effort": "responsiveness",
    "review": "tangibles",
    "delivery": "reliability",
    "ticket": "responsiveness",
    "complaint": "assurance",
    "incident": "reliability",
    "breach": "assurance",
    "refund": "tangibles",
    "care": "empathy",
    "recovery": "empathy",
    "delivery_overdue": "reliability",
    "ticket_overdue": "responsiveness",
}
MONTH_DAYS = 30.4375
FAILURES = {"delivery", "ticket", "complaint", "incident", "breach", "delivery_overdue", "ticket_overdue"}


@dataclass(frozen=True, slots=True)
class Score:
    """As published: trust to 2 decimals, churn risk and uncertainty to 4; None = absent."""

    trust: float
    uncertainty: float
    churn_risk: float | None
    purchase_days: int
    band: str
    forced_by: list[tuple[str, str, int]] | None  # event, band, until epoch ms


def score(memory: Memory, now_ms: int, p: Parameters, *, silence: bool = True) -> Score:
    """Both scores of a customer at a time; `silence` False: as if something had just been heard."""
    trust, uncertainty = _trust(memory, now_ms, p, silence=silence)
    risk = _churn_risk(memory, now_ms, p)
    forced = _forced(memory, now_ms, p)
    return Score(
        trust=round(trust * 100.0) / 100.0,
        uncertainty=round(uncertainty, 4),
        churn_risk=None if risk is None else round(risk * 1e4) / 10_000.0,
        purchase_days=len(memory.days),
        band=forced[0][1] if forced else _band(round(trust * 100.0) / 100.0, p),
        forced_by=forced or None,
    )


def _band(trust: float, p: Parameters) -> str:
    begins = [
        ("strong", p.bands.strong),
        ("good", p.bands.good),
        ("fair", p.bands.fair),
        ("low", p.bands.low),
    ]
    return next((band for band, points in begins if trust >= points), "critical")


def _forced(memory: Memory, now_ms: int, p: Parameters) -> list[tuple[str, str, int]]:
    """What forces a band at a time, the worst band first, of equals the one that lasts longest."""
    found = []
    for event, at in memory.exceptions.items():
        rule = getattr(p.exceptions, event)
        until = (at - 1) * 1000 + FIRST_MS + round(rule.days * DAY_MS)
        if until > now_ms:
            found.append((event, rule.band, until))
    worst_first = ["critical", "low", "fair", "good", "strong"]
    return sorted(found, key=lambda each: (worst_first.index(each[1]), -each[2], each[0]))


def _decay(now_ms: float, half_life_days: float) -> float:
    return math.pow(2.0, -(now_ms - LANDMARK_MS) / (half_life_days * DAY_MS))


def _heard_ms(memory: Memory, now_ms: int) -> int:
    """When something was heard last, no later than now."""
    return min(now_ms, (memory.last_s - 1) * 1000 + FIRST_MS) if memory.last_s else now_ms


def _trust(memory: Memory, now_ms: int, p: Parameters, *, silence: bool) -> tuple[float, float]:
    """(trust, uncertainty)."""
    good, bad = _counted(memory, now_ms, p, silence=silence)
    a, W = p.trust.base_rate, p.trust.prior_weight  # noqa: N806 (letters of subjective logic)
    for_us, against = sum(good.values()) + a * W, sum(bad.values()) + (1.0 - a) * W
    total = for_us + against
    return 100.0 * for_us / total, W / total


def contributions(memory: Memory, now_ms: int, p: Parameters) -> dict[str, float]:
    """Points of trust by cause; their sum and the base rate's are trust."""
    good, bad = _counted(memory, now_ms, p, silence=True)
    a = p.trust.base_rate
    total = sum(good.values()) + sum(bad.values()) + p.trust.prior_weight
    return {cause: 100.0 * ((1.0 - a) * good[cause] - a * bad[cause]) / total for cause in good}


def failures(memory: Memory, now_ms: int, p: Parameters) -> float:
    """Failed payments, forgotten by half in the model's days, but not in silence."""
    return memory.payment_failures * _decay(_heard_ms(memory, now_ms), p.statistics.payment_failure_days)


def _counted(
    memory: Memory, now_ms: int, p: Parameters, *, silence: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Evidence (good, bad) by cause as it counts at a time.

    Silence alone lifts trust neither above its base rate nor above what it was at the last event (with the
    promises that are overdue now): evidence for us counts so much less.
    """
    a, W = p.trust.base_rate, p.trust.prior_weight  # noqa: N806 (letters of subjective logic)
    good, bad = _evidence(memory, now_ms, now_ms, p)
    for_us, against = sum(good.values()) + a * W, sum(bad.values()) + (1.0 - a) * W
    last_ms = _heard_ms(memory, now_ms)
    if silence and last_ms < now_ms:
        then_good, then_bad = _evidence(memory, last_ms, now_ms, p)
        odds = (sum(then_good.values()) + a * W) / (sum(then_bad.values()) + (1.0 - a) * W)
        most = max(odds, a / (1.0 - a)) * against
        if for_us > most:
            share = (most - a * W) / (for_us - a * W)
            good = {cause: share * value for cause, value in good.items()}
    return good, bad


def _unforgotten(memory: Memory, now_ms: int, p: Parameters) -> float:
    """Trust as the risk reads it: no recovery, failures as at the last event, praise down to the base."""
    a, W = p.trust.base_rate, p.trust.prior_weight  # noqa: N806 - the papers' letters
    then_good, then_bad = _evidence(memory, _heard_ms(memory, now_ms), now_ms, p)
    good, _ = _evidence(memory, now_ms, now_ms, p)
    against = sum(then_bad.values()) + (1.0 - a) * W
    praise = sum(good.values()) - good["recovery"] + a * W
    praise_then = sum(then_good.values()) - then_good["recovery"] + a * W
    last, faded = praise_then / (praise_then + against), praise / (praise + against)
    return 100.0 * max(faded, min(a, last))


def _evidence(
    memory: Memory, at_ms: int, now_ms: int, p: Parameters
) -> tuple[dict[str, float], dict[str, float]]:
    """Weighted (good, bad) by cause, decayed to a time, recovery capped; promises overdue now."""
    good, bad = dict(memory.good), dict(memory.bad)
    for terms in memory.settled.values():
        for cause, plus, minus in terms:
            good[cause] += plus
            bad[cause] += minus
    for cause in CAUSES:
        decay = _decay(at_ms, getattr(p.statistics.half_life_days, cause))
        good[cause] *= decay
        bad[cause] *= decay
    for kind in ("delivery", "ticket"):
        waiting = [m.overdue(now_ms, p) for m in memory.promises.values() if m.kind == kind]
        good[f"{kind}_overdue"], bad[f"{kind}_overdue"] = 0.0, sum(waiting)
    for cause, dimension in DIMENSION.items():
        weight = getattr(p.trust.dimension_weight, dimension)
        good[cause] *= weight
        bad[cause] *= weight * p.trust.negative_weight
    a, W = p.trust.base_rate, p.trust.prior_weight  # noqa: N806 - the papers' letters
    failures = sum(bad[cause] for cause in FAILURES)
    other_bad = sum(bad.values()) - failures + (1.0 - a) * W
    without_recovery = sum(good.values()) - good["recovery"] + a * W
    good["recovery"] = min(good["recovery"], without_recovery * failures / other_bad)
    return good, bad


def _churn_risk(memory: Memory, now_ms: int, p: Parameters) -> float | None:
    latest, risk = memory.latest, p.risk
    ended, cancel, renewed = latest.get("ended", 0), latest.get("cancel", 0), latest.get("renewed", 0)
    weights: Risk | Contract = risk
    if (ended or cancel or renewed) and p.churn.contract:
        weights = p.churn.contract
        log_odds = _log_odds_of_contract(memory, now_ms, weights, p.churn.horizon_days)
    elif ended or cancel or renewed:
        term_end = latest.get("term_end", 0)
        until_ms = now_ms + p.churn.horizon_days * DAY_MS
        log_odds = risk.subscription_base
        if term_end and (term_end - 1) * 1000 + FIRST_MS <= until_ms:
            log_odds += risk.subscription_term_ends
        if cancel > renewed:
            log_odds += risk.subscription_cancel_requested
        if ended > renewed:
            log_odds += risk.subscription_ended
    elif memory.days:
        log_odds = _log_odds_of_silence(memory, now_ms, p)
    else:
        return None
    overdue = sum(promise.overdue(now_ms, p) > 0.0 for promise in memory.promises.values())
    below_base = 100.0 * p.trust.base_rate - _unforgotten(memory, now_ms, p)
    log_odds += weights.trust_per_50_points * below_base / 50.0
    log_odds += weights.overdue_promise * min(overdue, 3)
    log_odds += weights.payment_failure * min(failures(memory, now_ms, p), 3.0)
    log_odds += weights.engagement_fall * _worst_fall(memory, now_ms, p)
    if latest.get("unsubscribed", 0) > latest.get("resubscribed", 0):
        log_odds += weights.unsubscribed
    return 1.0 / (1.0 + math.exp(-log_odds))


def _log_odds_of_contract(memory: Memory, now_ms: int, c: Contract, horizon_days: int) -> float:
    """Shifted-beta-geometric at the tenure that counts, and what the term and the customer said."""

    def ends(t: float) -> float:
        h = horizon_days / MONTH_DAYS
        stays = math.lgamma(c.beta + t + h) - math.lgamma(c.beta + t)
        stays += math.lgamma(c.alpha + c.beta + t) - math.lgamma(c.alpha + c.beta + t + h)
        stays = min(stays, -1e-12)
        return max(-15.0, min(15.0, math.log(-math.expm1(stays)) - stays))

    latest = memory.latest
    second_now = (now_ms - FIRST_MS) / 1000.0 + 1.0
    renewed, term_end = latest.get("renewed", 0), latest.get("term_end", 0)
    log_odds, counted = c.base + ends(0.0), second_now
    if 0 < renewed < term_end:
        log_odds += c.term_length * math.log1p(max(term_end - renewed, 86_400.0) / (MONTH_DAYS * 86_400.0))
    known = term_end > renewed and (c.renewals_reported or term_end > second_now)
    if known:
        waiting = (term_end - second_now) / 86_400.0
        counted = min(second_now, max(term_end - horizon_days * 86_400.0, renewed))
        if waiting > horizon_days:
            log_odds += c.term_beyond + c.bound_longer * math.log(waiting / horizon_days)
        else:
            log_odds += c.term_ends
            if renewed:
                length = max((term_end - renewed) / 86_400.0, 1.0)
                log_odds += c.further_ends * math.log1p((horizon_days - max(waiting, 0.0)) // length)
            if waiting < -c.grace_days:
                log_odds += c.term_passed
    if latest.get("cancel", 0) > renewed:
        log_odds += c.cancel_requested
    if latest.get("ended", 0) > renewed:
        return log_odds + c.ended
    tenure = max(counted - memory.first_s, 0.0) / (MONTH_DAYS * 86_400.0)
    return log_odds + c.tenure * (ends(tenure) - ends(0.0))


def _log_odds_of_silence(memory: Memory, now_ms: int, p: Parameters) -> float:
    """Log-odds of no purchase within the horizon: MBG/NBD's, or the layer's where there is one."""
    days, h = memory.days, p.churn.horizon_days / 7.0
    first, last, x = min(days), max(days), len(days) - 1
    age = max((now_ms - FIRST_MS) / DAY_MS - first, last - first)
    t_x, m, layer = last - first, p.churn.mbg, p.churn.layer
    if layer is None:
        return _mbg_log_odds(x, t_x / 7.0, age / 7.0, h, m)
    c, u = layer.coefficient, layer.usual
    log_odds = c.recency * math.log(1.0 + age - t_x) + c.frequency * math.log(1.0 + x)
    log_odds += c.age * math.log(7.0 + age)
    log_odds += c.amount * math.log(1.0 + sum(memory.amounts.values()) / 10_000.0 / len(days))
    log_odds += c.mbg * _mbg_log_odds(x, t_x / 7.0, age / 7.0, h, m)
    alpha, shape = layer.nbd.alpha + age / 7.0, layer.nbd.r + x
    log_none = shape * math.log(alpha / (alpha + h))
    log_odds += c.nbd * (log_none - math.log(1.0 - math.exp(log_none)))
    return layer.base + log_odds - (u.frequency + u.silence + u.age + u.amount)


def _mbg_log_odds(x: int, t_x: float, age: float, h: float, m: Mbg) -> float:
    dead = math.log(m.a / (m.b + x)) + (m.r + x) * math.log((m.alpha + age) / (m.alpha + t_x))
    alive = 1.0 / (1.0 + math.exp(dead)) if dead < 700.0 else math.exp(-dead)
    buys = alive * (1.0 - ((m.alpha + age) / (m.alpha + age + h)) ** (m.r + x))
    return math.log1p(-buys) - math.log(buys)


def _worst_fall(memory: Memory, now_ms: int, p: Parameters) -> float:
    """The greatest fall of the engagement since the last event, by looking at every moment it can be at."""
    heard_ms, s = _heard_ms(memory, now_ms), p.statistics
    moments = [float(heard_ms), float(now_ms)]
    for total, days, least in (
        (memory.engagement_short, s.engagement_short_days, 0.25),
        (memory.engagement_long, s.engagement_long_days, 2.0),
    ):
        if total > 0.0:  # when it has shrunk to the least; a moment earlier, for rounding
            until_ms = LANDMARK_MS + days * DAY_MS * math.log2(total / least) - 1.0
            moments.append(min(max(until_ms, heard_ms), now_ms))
    return max(_halvings(memory, moment, p) for moment in moments)


def _halvings(memory: Memory, now_ms: float, p: Parameters) -> float:
    """How often the recent rate of engagement has halved against the usual one; 0 to 3."""
    s = p.statistics
    short = memory.engagement_short * _decay(now_ms, s.engagement_short_days)
    long = memory.engagement_long * _decay(now_ms, s.engagement_long_days)
    if long < 2.0:
        return 0.0
    expected = long * s.engagement_short_days / s.engagement_long_days
    return max(0.0, min(3.0, math.log2(max(expected, 0.25) / max(short, 0.25))))
