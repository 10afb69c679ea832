"""One customer's memory at a time -> what an alert rule looks at, and whether it speaks of the customer."""

import math

from scipy.integrate import quad

from stream.alerts.rules import Rule
from stream.model.parameters import Parameters
from tests.oracles.memory import CHANNELS, DAY_MS, TIERS, Memory
from tests.oracles.reading import FIRST_MS
from tests.oracles.scoring import DIMENSION, Score, contributions, failures

__all__ = ["speaks_of", "value_of"]


def value_of(rule: Rule, memory: Memory, scored: Score, now_ms: int, p: Parameters) -> float | None:
    """The value before rounding, None if unknown; not of `trust_drop`, which is about two times."""
    match rule.kind:
        case "trust_below":
            return scored.trust
        case "churn_risk_above":
            return scored.churn_risk
        case "component_below":
            by_cause = contributions(memory, now_ms, p)
            return sum(v for cause, v in by_cause.items() if rule.component in (cause, DIMENSION[cause]))
        case "promise_overdue":
            late_s = max((each.late_s(now_ms, p) for each in memory.promises.values()), default=0.0)
            return math.floor(late_s / 36.0) / 100.0
        case "payment_failed":
            return failures(memory, now_ms, p)
        case "value_at_risk_above":
            if list(memory.amounts) != [rule.currency] or scored.churn_risk is None:
                return None
            if {"renewed", "cancel", "ended"} & set(memory.latest):
                return None
            return _value(memory, now_ms, p) * scored.churn_risk
    raise AssertionError(rule.kind)


def _value(memory: Memory, now_ms: int, p: Parameters) -> float:
    """What the customer will buy within the horizon: the own mean, times the days with a purchase."""
    m, first, last = p.churn.mbg, min(memory.days), max(memory.days)
    x, t_x = len(memory.days) - 1, (last - first) / 7.0
    age = max((now_ms - FIRST_MS) / DAY_MS - first, last - first) / 7.0
    horizon = p.derived.value_horizon_days / 7.0
    odds_gone = m.a / (m.b + x) * ((m.alpha + age) / (m.alpha + t_x)) ** (m.r + x)
    a, b = m.a, m.b + x + 1.0  # of the chance to drop out, given that the customer has not

    def bought(chance: float) -> float:
        """Purchase days by one who drops out after each with a chance, without the density's (.)^(a-1)."""
        chance = max(chance, 1e-12)
        some = -math.expm1((m.r + x) * -math.log1p(chance * horizon / (m.alpha + age)))
        return float(some / chance * (1.0 - chance) ** (b - 1.0))

    density = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))
    days, _error = quad(bought, 0.0, 1.0, weight="alg", wvar=(a - 1.0, 0.0))
    mean = sum(memory.amounts.values()) / 10_000.0 / len(memory.days)
    return float(mean * density * days / (1.0 + odds_gone))


def speaks_of(rule: Rule, memory: Memory, scored: Score) -> bool:
    """Whether the rule may open for the customer."""
    segment, tier, locale = (
        memory.profile.get(name, (0, unknown))[1]
        for name, unknown in (("segment", ""), ("tier", 0), ("locale", ""))
    )
    bought_through = [name for bit, name in enumerate(CHANNELS) if memory.channels >> bit & 1]
    asked = [
        (rule.segments, segment in rule.segments),
        (rule.tiers, tier > 0 and TIERS[tier - 1] in rule.tiers),
        (rule.channels, any(name in rule.channels for name in bought_through)),
        (rule.locales, any(f"{locale}-".lower().startswith(f"{each}-".lower()) for each in rule.locales)),
    ]
    known = len(memory.days) >= rule.min_purchase_days and scored.uncertainty <= rule.max_uncertainty
    return known and all(holds for words, holds in asked if words)
