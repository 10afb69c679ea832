"""Sums over outcomes: additive, true to slow definitions, quiet while the model holds, loud when not."""

from dataclasses import astuple
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.model.drift import BINS, GAP, Sums

Cases = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=60)
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _arrays(case: list[tuple[int, bool]]) -> tuple[Floats, Bools]:
    return np.array([r / 10_000 for r, _ in case], np.float64), np.array([left for _, left in case], np.bool_)


@given(Cases, st.integers(0, 60))
def test_sums_of_parts_are_the_sums_of_all(case: list[tuple[int, bool]], cut: int) -> None:
    """Partitions, workers and periods add up, in any order."""
    risk, left = _arrays(case)
    whole = Sums.of(risk, left)
    first, second = Sums.of(risk[:cut], left[:cut]), Sums.of(risk[cut:], left[cut:])
    for together in (first + second, second + first, whole + Sums.zero()):
        for mine, theirs in zip(astuple(together), astuple(whole), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-9)


@given(Cases)
def test_measures_are_those_of_the_outcomes(case: list[tuple[int, bool]]) -> None:
    """Rates and Brier exactly; AUC within half the share of pairs that share a bin."""
    risk, left = _arrays(case)
    sums = Sums.of(risk, left)
    assert sums.count == len(case)
    if not case:
        assert isnan(sums.gap)
        assert not sums.drifted
        return
    assert sums.foretold == pytest.approx(risk.mean())
    assert sums.realised == pytest.approx(left.mean())
    assert sums.brier == pytest.approx(((risk - left) ** 2).mean(), abs=1e-9)
    assert sums.ece >= abs(sums.gap) - 1e-9
    yes, no = risk[left][:, None], risk[~left][None, :]
    if not yes.size or not no.size:
        assert isnan(sums.auc)
        return
    exact = float(((yes > no) + 0.5 * (yes == no)).mean())
    shared = float((_bin(yes) == _bin(no)).mean())
    assert abs(sums.auc - exact) <= shared / 2 + 1e-9


def _bin(risk: Floats) -> NDArray[np.int64]:
    return np.minimum((risk * BINS).astype(np.int64), BINS - 1)


def test_a_sound_model_does_not_alarm() -> None:
    """In 1,000 looks at 300 outcomes as likely as foretold at most five alarm."""
    chance = np.random.default_rng(5)
    risk = chance.beta(3, 2, (1_000, 300))
    left = chance.random(risk.shape) < risk
    alarms = sum(Sums.of(*each).drifted for each in zip(risk, left, strict=True))
    assert alarms <= 5


@pytest.mark.parametrize("shift", [-0.12, 0.12])
def test_a_drift_alarms(shift: float) -> None:
    """When outcomes come 12 points more or less often than foretold, 1,000 of them alarm nearly always."""
    chance = np.random.default_rng(6)
    risk = chance.uniform(0.2, 0.8, (200, 1_000))
    left = chance.random(risk.shape) < risk + shift
    looks = [Sums.of(*each) for each in zip(risk, left, strict=True)]
    assert sum(look.drifted for look in looks) >= 195
    assert all(abs(look.gap) > GAP for look in looks if look.drifted)


def test_a_gap_of_few_outcomes_is_chance() -> None:
    """Four of eight left where six were foretold: a gap of .25 and no alarm."""
    sums = Sums.of(np.full(8, 0.75), np.array([True] * 4 + [False] * 4))
    assert sums.gap == pytest.approx(0.25)
    assert not sums.drifted
