"""Contracts with a known hazard, as interactions: what a fit should find again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from schemas.interaction import Interaction, Payment, Subscription

__all__ = ["DAY_0", "MONTH", "at", "monthly_contracts", "snapshot"]

DAY_0 = 12_000  # days since 1990: where simulated histories begin
MONTH = 30.4375
EPOCH = datetime(1990, 1, 1, tzinfo=UTC)


def at(day: float) -> datetime:
    """A time in days since 1990."""
    return EPOCH + timedelta(days=day)


def monthly_contracts(
    n: int,
    seed: int,
    days: float,
    theta: Callable[[np.random.Generator], float],
    p_fail: float = 0.0,
    effect: float = 0.0,
    p_end: Callable[[float], float] = float,
) -> list[Interaction]:
    """Contracts renewed by the month until they expire or the `days` are over.

    Args:
        n: customers, started evenly over the first nine tenths of the days.
        seed: of chance.
        days: length of the history.
        theta: draws a customer's own probability of leaving at the end of a month.
        p_fail: probability that a month's payment fails.
        effect: what a failed payment adds to the log-odds of leaving that month.
        p_end: probability of leaving instead of theta.
    """
    chance = np.random.default_rng(seed)
    found: list[Interaction] = []
    for i in range(n):
        who, own = f"c{i}", p_end(theta(chance))
        day, month, status = DAY_0 + chance.uniform(0.0, 0.9 * days), 0, "started"
        while day < DAY_0 + days:
            found.append(Subscription(f"{month}", who, at(day), "s", status, at(day + MONTH)))  # type: ignore[arg-type]  # one of the five
            leaves = own
            if chance.random() < p_fail:
                found.append(Payment(f"{month}-failed", who, at(day + 1.0), "failed"))
                odds = np.log(own / (1.0 - own)) + effect
                leaves = 1.0 / (1.0 + np.exp(-odds))
            day, month, status = day + MONTH, month + 1, "renewed"
            if chance.random() < leaves:
                if day < DAY_0 + days:
                    found.append(Subscription("end", who, at(day), "s", "expired"))
                break
    return found


def snapshot(
    n: int, seed: int, last_days: float, day: int = DAY_0 + 3_000, *, terms: bool = True
) -> list[Interaction]:
    """A table of customers at one date, as public telecom data are: tenure in months, term, who left lately.

    Args:
        n: customers; half have monthly terms, a quarter yearly, a quarter of two years.
        seed: of chance.
        last_days: those who left did so evenly over this time before the date; 0 = all on it.
        day: of the snapshot.
        terms: whether the start names the end of the term that ran at the snapshot.
    """
    chance = np.random.default_rng(seed)
    found: list[Interaction] = []
    for i in range(n):
        term = int(chance.choice((1, 12, 24), p=(0.5, 0.25, 0.25)))
        tenure = int(chance.integers(1, 73))
        start = day - tenure * MONTH
        end = at(start + (tenure // term + 1) * term * MONTH) if terms else None
        found.append(Subscription("start", f"c{i}", at(start), "s", "started", end))
        leaves = {1: 0.75, 12: 0.15, 24: 0.05}[term] / (1.0 + tenure / 20.0)
        if chance.random() < leaves:
            left = day + 0.5 - chance.uniform(0.0, last_days)
            found.append(Subscription("end", f"c{i}", at(max(left, start + 1.0)), "s", "cancelled"))
    return found
