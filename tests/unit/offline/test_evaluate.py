"""Measures against their definitions, and the model against the published figures."""

import math
from random import Random

import pytest

from stream.alerts import rules
from stream.model import parameters
from stream.offline.evaluate import auc, brier, cdnow_39_39


@pytest.mark.parametrize("seed", range(20))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    """Every pair counted by hand, ties as half."""
    chance = Random(seed)
    truth = [chance.random() < 0.4 for _ in range(60)] + [True, False]
    score = [chance.randrange(12) for _ in truth]
    yes = [s for s, happened in zip(score, truth, strict=True) if happened]
    no = [s for s, happened in zip(score, truth, strict=True) if not happened]
    pairs = [(y > n) + 0.5 * (y == n) for y in yes for n in no]
    assert auc(truth, score) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_auc_of_one_outcome_is_not_a_number() -> None:
    """Nothing can be ranked when all or none left."""
    assert math.isnan(auc([True, True], [0.1, 0.2]))
    assert math.isnan(auc([False], [0.1]))


def test_brier_is_the_mean_squared_error() -> None:
    """0 for a prophet, 0.25 for a coin."""
    assert brier([True, False], [1.0, 0.0]) == 0.0
    assert brier([True, False], [0.5, 0.5]) == 0.25
    assert brier([True, False, False], [0.8, 0.4, 0.0]) == pytest.approx((0.04 + 0.16) / 3)


def test_cdnow_39_39_gives_the_published_figures() -> None:
    """MBG/NBD on the sample: AUC .760 beside recency's .771, Brier .161, 71.0 % of 2,357 gone."""
    found = cdnow_39_39(parameters.load(), rules.load())
    assert found.n == 2_357
    assert found.churn_rate == pytest.approx(0.710, abs=0.0005)
    assert found.recency == pytest.approx(0.771, abs=0.0005)
    assert found.kizuna == pytest.approx(0.760, abs=0.0005)
    assert found.brier == pytest.approx(0.161, abs=0.0005)
