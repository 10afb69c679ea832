"""The published comparison on real purchases: CDNOW's sample, 39 weeks to learn and 39 to be judged."""

from collections import defaultdict
from datetime import date
from importlib.metadata import PackageNotFoundError, files

import numpy as np
import pytest
from scipy.stats import rankdata

from stream.model.btyd import log_p_alive, p_no_purchase
from stream.model.columns import Floats
from stream.model.parameters import Mbg

ORIGIN = date(1997, 9, 30)
CDNOW = Mbg(r=0.525, alpha=6.183, a=0.891, b=1.614)


def days_of_purchase() -> dict[str, set[date]]:
    try:
        found = [path for path in files("lifetimes") or [] if path.name == "CDNOW_sample.txt"]
    except PackageNotFoundError:
        found = []
    if not found:
        pytest.skip("CDNOW's purchases come with the package lifetimes, which is not installed (make setup)")
    days = defaultdict(set)
    for line in found[0].read_text().splitlines():
        _, customer, day, _, _ = line.split()
        days[customer].add(date(int(day[:4]), int(day[4:6]), int(day[6:])))
    return days


def auc(happened: Floats, score: Floats) -> float:
    ranks, n = rankdata(score), happened.sum()
    return float((ranks[happened > 0].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def test_ranking_and_calibration_are_the_published_ones() -> None:
    """AUC .760 and Brier .161 for P(no purchase), .687 for 1 - P(alive), .771 for bare recency."""
    rows = []
    for days in days_of_purchase().values():
        known = sorted(day for day in days if day <= ORIGIN)
        age, t_x = ((end - known[0]).days / 7.0 for end in (ORIGIN, known[-1]))
        rows.append((len(known) - 1, t_x, age, not any(day > ORIGIN for day in days)))
    x, t_x, age, churned = np.array(rows, np.float64).T
    assert (len(rows), int((x == 0).sum()), int(x.sum())) == (2357, 1411, 2457)
    risk = p_no_purchase(x, t_x, age, 39.0, CDNOW)
    assert auc(churned, risk) == pytest.approx(0.760, abs=0.0006)
    assert float(np.mean((risk - churned) ** 2)) == pytest.approx(0.161, abs=0.0006)
    assert auc(churned, -log_p_alive(x, t_x, age, CDNOW)) == pytest.approx(0.687, abs=0.0006)
    assert auc(churned, age - t_x) == pytest.approx(0.771, abs=0.0006)
