"""A landmark that stays where it is loses nothing: sixty years of evidence against exact arithmetic."""

import sys
from decimal import Decimal, localcontext
from random import Random

import numpy as np
import pytest

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.evidence import LANDMARK_MS, growth, shrink

DIGITS = 60
YEAR_MS = round(365.25 * MS_PER_DAY)
SPANS = {"1990-2020": (0, 30), "2020-2050": (30, 60), "1990-2050": (0, 60), "2070-2100": (80, 110)}
HALF_LIVES = (30.0, 61.7, 180.0, 365.0, 3650.0)


def exact(terms: list[tuple[float, int]], now_ms: int, half_life_ms: float) -> Decimal:
    """Sum of w 2^(-(now - t)/h) to sixty digits."""
    with localcontext() as context:
        context.prec = DIGITS
        age = ((Decimal(now_ms - time), Decimal(weight)) for weight, time in terms)
        return sum((w * Decimal(2) ** (-ms / Decimal(half_life_ms)) for ms, w in age), Decimal(0))


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("half_life", HALF_LIVES)
def test_decades_of_evidence_lose_no_precision(span: str, half_life: float) -> None:
    """A sum is off by its terms' rounding, 2^-20, and no more: at its end and twenty half-lives on."""
    chance, half_life_ms = Random(span), half_life * MS_PER_DAY
    first, last = (EPOCH_1990_MS + years * YEAR_MS for years in SPANS[span])
    terms = [(chance.uniform(0.05, 4.0), chance.randrange(first, last)) for _ in range(300)]
    weights, times = np.array([w for w, _ in terms]), np.array([t for _, t in terms])
    stored = 0.0
    for term in growth(weights, times, half_life_ms).tolist():
        stored += term
    for now_ms in (last, last + round(20 * half_life_ms)):
        read = float(stored * shrink(now_ms, half_life_ms))
        error = abs(Decimal(read) / exact(terms, now_ms, half_life_ms) - 1)
        assert error < Decimal(2) ** -20 * Decimal("1.01")


@pytest.mark.parametrize("half_life", HALF_LIVES)
def test_moving_the_landmark_would_change_nothing(half_life: float) -> None:
    """Re-based by whole half-lives a term is the same number times a power of two: nothing is gained."""
    half_life_ms = half_life * MS_PER_DAY
    times = np.random.default_rng(2).integers(EPOCH_1990_MS, EPOCH_1990_MS + 60 * YEAR_MS, 500)
    here = growth(np.ones(500), times, half_life_ms)
    for halvings in (-100, 1, 200):
        moved = np.exp2((times - LANDMARK_MS) / half_life_ms - halvings)
        assert np.ldexp(moved, halvings) == pytest.approx(here, rel=2.0**-20 * 1.01)


def test_no_exponent_leaves_a_float_before_2100() -> None:
    """The shortest half-life, the first and the last instant of any event: normal numbers, and their sum."""
    half_life_ms = 30.0 * MS_PER_DAY
    first, last = EPOCH_1990_MS, EPOCH_1990_MS + 110 * YEAR_MS
    stored = growth(np.full(2, 1e-3), np.array([first, last]), half_life_ms)
    assert (stored > sys.float_info.min).all()
    assert stored.sum() * 1e6 < sys.float_info.max
    assert float(stored[1] * shrink(last, half_life_ms)) == pytest.approx(1e-3, rel=2.0**-19)
