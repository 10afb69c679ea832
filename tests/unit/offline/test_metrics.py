"""Measures against their definitions, computed slowly, and against published figures."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from stream.offline.metrics import (
    MEASURES,
    N_BINS,
    Judged,
    auc,
    brier,
    brier_skill,
    ece,
    ece_equal_count,
    lift,
    lift_max,
    log_loss,
    pr_auc,
)

# Few distinct probabilities, so that ties are common.
Cases = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


def _split(case: list[tuple[bool, int]]) -> tuple[list[bool], list[float]]:
    return [happened for happened, _ in case], [p / 12 for _, p in case]


def _both(happened: list[bool]) -> bool:
    return any(happened) and not all(happened)


@given(Cases)
def test_auc_is_the_share_of_pairs_in_the_right_order(case: list[tuple[bool, int]]) -> None:
    """Every pair counted by hand, ties as half; scipy's Mann-Whitney U agrees; nan without pairs."""
    happened, p = _split(case)
    if not _both(happened):
        assert math.isnan(auc(happened, p))
        return
    yes = [s for s, h in zip(p, happened, strict=True) if h]
    no = [s for s, h in zip(p, happened, strict=True) if not h]
    pairs = [(y > n) + 0.5 * (y == n) for y, n in product(yes, no)]
    assert auc(happened, p) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert auc(happened, p) == pytest.approx(mannwhitneyu(yes, no).statistic / len(pairs), abs=1e-12)


@given(Cases)
def test_pr_auc_is_precision_weighted_by_the_recall_it_adds(case: list[tuple[bool, int]]) -> None:
    """The sum over every distinct threshold of (recall gained) x (precision there)."""
    happened, p = _split(case)
    if not any(happened):
        assert math.isnan(pr_auc(happened, p))
        return
    total, recall, expected = sum(happened), 0.0, 0.0
    for threshold in sorted(set(p), reverse=True):
        shown = [h for h, s in zip(happened, p, strict=True) if s >= threshold]
        expected += (sum(shown) / total - recall) * sum(shown) / len(shown)
        recall = sum(shown) / total
    assert pr_auc(happened, p) == pytest.approx(expected, abs=1e-12)


@given(Cases)
def test_lift_is_what_looking_at_the_riskiest_tenth_finds(case: list[tuple[bool, int]]) -> None:
    """Customers taken riskiest first, a torn tie counted at its rate; never above the maximum."""
    happened, p = _split(case)
    if not any(happened):
        assert math.isnan(lift(happened, p))
        return
    room, found = 0.1 * len(p), 0.0
    for value in sorted(set(p), reverse=True):
        tied = [h for h, s in zip(happened, p, strict=True) if s == value]
        taken = min(room, len(tied))
        found += taken * sum(tied) / len(tied)
        room -= taken
    expected = (found / (0.1 * len(p))) / (sum(happened) / len(p))
    assert lift(happened, p) == pytest.approx(expected, abs=1e-9)
    assert lift(happened, p) <= lift_max(happened, p) + 1e-9
    assert lift(happened, [float(h) for h in happened]) == pytest.approx(lift_max(happened, p))


@given(Cases)
def test_ece_by_count_and_reliability_are_of_the_same_bins(case: list[tuple[bool, int]]) -> None:
    """Bins hold everybody, ties together, lowest first; ECE is their mean distance from the diagonal."""
    happened, p = _split(case)
    bins = Judged(happened, p).reliability()
    assert bins.n.sum() == len(p)
    assert len(bins.n) <= min(N_BINS, len(set(p)))
    assert (np.diff(bins.predicted) > 0).all()
    assert bins.predicted @ bins.n == pytest.approx(sum(p))
    assert bins.happened @ bins.n == pytest.approx(sum(happened))
    gap = np.abs(bins.predicted - bins.happened)
    assert ece_equal_count(happened, p) == pytest.approx(bins.n @ gap / len(p))


@given(Cases)
def test_ece_is_by_bins_of_equal_width(case: list[tuple[bool, int]]) -> None:
    """Ten bins, [0, .1) to [.9, 1]; each counts its customers' distance between prediction and truth."""
    happened, p = _split(case)
    expected = 0.0
    for i in range(10):
        inside = [(h, s) for h, s in zip(happened, p, strict=True) if min(int(s * 10), 9) == i]
        expected += abs(sum(s - h for h, s in inside)) / len(p)
    assert ece(happened, p) == pytest.approx(expected, abs=1e-12)


def test_bins_without_ties_are_of_equal_count() -> None:
    """1,000 distinct predictions make ten bins of 100."""
    p = np.random.default_rng(1).permutation(1000) / 1000
    assert Judged(p > 0.5, p).reliability().n.tolist() == [100] * 10


@given(Cases, st.data())
def test_weights_count_customers_as_often_as_they_say(
    case: list[tuple[bool, int]], data: st.DataObject
) -> None:
    """A resample by weights has the measures of the customers written out that often; bins by count stay."""
    happened, p = _split(case)
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(p), max_size=len(p)))
    if not sum(counts):
        return
    weights = np.array([counts, [1] * len(p)], np.float64)
    found = Judged(happened, p).measures(weights)
    written = Judged(np.repeat(happened, counts), np.repeat(p, counts)).measures()
    once = Judged(happened, p).measures()
    assert set(found) == set(MEASURES)
    for what in MEASURES:
        if what != "ece_equal_count":
            assert found[what][0] == pytest.approx(written[what][0], abs=1e-9, nan_ok=True)
        assert found[what][1] == pytest.approx(once[what][0], abs=1e-9, nan_ok=True)


def test_published_examples() -> None:
    """Four customers of scikit-learn's documentation: AUC .75, precision .83; a coin's Brier is .25."""
    happened, p = [False, False, True, True], [0.1, 0.4, 0.35, 0.8]
    assert auc(happened, p) == pytest.approx(0.75)
    assert pr_auc(happened, p) == pytest.approx(0.8333, abs=5e-5)
    assert brier(happened, [0.5] * 4) == 0.25
    assert brier_skill(happened, [0.5] * 4) == pytest.approx(0.0)
    assert log_loss(happened, [0.5] * 4) == pytest.approx(math.log(2))
    assert brier([True, False, False], [0.8, 0.4, 0.0]) == pytest.approx((0.04 + 0.16) / 3)


def test_a_certain_error_costs_much_but_not_everything() -> None:
    """Log loss of probability 0 for what happened is that of 1e-15, finite."""
    assert log_loss([True], [0.0]) == pytest.approx(-math.log(1e-15))


def test_nobody_has_no_measure() -> None:
    """Without customers every measure is nan, and so is a resample's."""
    nobody = Judged([], [])
    assert all(math.isnan(values[0]) for values in nobody.measures().values())
    assert all(len(values) == 3 for values in nobody.measures(np.zeros((3, 0))).values())


def test_gains_end_with_everybody() -> None:
    """The lift curve starts at nothing, never falls, and ends at all customers and all leavers."""
    chance = np.random.default_rng(2)
    shown, found = Judged(chance.random(200) < 0.3, chance.random(200).round(2)).gains()
    assert (shown[0], found[0], shown[-1], found[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (np.diff(shown) > 0).all()
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("p", [[math.nan, 0.1], [0.5], [math.inf, 0.0]])
def test_predictions_that_are_none_are_refused(p: list[float]) -> None:
    """A probability that is not finite, or one for nobody, is an error, not a number."""
    with pytest.raises(ValueError, match=r"finite|length"):
        Judged([True, False], p)
