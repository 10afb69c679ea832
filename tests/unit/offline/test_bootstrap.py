"""Resamples: repeatable, paired, and as wide as theory says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.offline.bootstrap import bootstrap, interval, resamples_for
from stream.offline.metrics import MEASURES, Judged


def _crowd(n: int, seed: int = 3) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    chance = np.random.default_rng(seed)
    p = chance.beta(2, 3, n)
    return chance.random(n) < p, p


def _delong(happened: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """Standard error of the AUC after DeLong, DeLong & Clarke-Pearson (1988), by every pair."""
    yes, no = p[happened][:, None], p[~happened][None, :]
    better = (yes > no) + 0.5 * (yes == no)
    v10, v01 = better.mean(axis=1), better.mean(axis=0)
    return float(np.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)))


def test_spread_of_the_auc_is_delongs() -> None:
    """The bootstrap's standard deviation is within 10 % of the closed form."""
    happened, p = _crowd(400)
    drawn = bootstrap({"a": Judged(happened, p)}, 1_000)["a"]["auc"]
    assert drawn.std() == pytest.approx(_delong(happened, p), rel=0.1)
    low, high = interval(drawn)
    assert low < Judged(happened, p).auc()[0] < high


def test_spread_of_the_brier_score_is_that_of_a_mean() -> None:
    """The interval is 1.96 standard errors of the squared errors to each side, within 10 %."""
    happened, p = _crowd(600)
    squares = (p - happened) ** 2
    low, high = interval(bootstrap({"a": Judged(happened, p)}, 1_000)["a"]["brier"])
    assert (high - low) / 2 == pytest.approx(1.96 * squares.std() / np.sqrt(600), rel=0.1)


def test_models_are_judged_on_the_same_resamples() -> None:
    """Of two equal models every paired difference is 0, though each value varies."""
    happened, p = _crowd(100)
    drawn = bootstrap({"a": Judged(happened, p), "b": Judged(happened, p)}, 50)
    for what in MEASURES:
        assert (drawn["a"][what] == drawn["b"][what]).all()
    assert drawn["a"]["auc"].std() > 0


def test_same_seed_same_values_whatever_else_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another model nor the size of the chunks changes a resample."""
    happened, p = _crowd(50)
    alone = bootstrap({"a": Judged(happened, p)}, 40)
    monkeypatch.setattr("stream.offline.bootstrap.CELLS", 50 * 40)
    together = bootstrap({"b": Judged(happened, 1 - p), "a": Judged(happened, p)}, 40)
    assert (alone["a"]["auc"] == together["a"]["auc"]).all()


def test_interval_of_nothing_is_not_a_number() -> None:
    """Resamples in which the measure never existed have no interval."""
    assert np.isnan(interval(np.array([np.nan, np.nan]))).all()


@pytest.mark.parametrize(("n", "resamples"), [(1, 1_000), (12_000, 1_000), (24_000, 500), (10**7, 100)])
def test_large_crowds_get_fewer_resamples(n: int, resamples: int) -> None:
    """The work is bounded, and so is how few they become."""
    assert resamples_for(n) == resamples
