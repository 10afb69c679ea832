"""BG/BB, which no score of ours uses: the published parameters, by a likelihood that only this test knows.

In discrete time (Fader, Hardie & Shang 2010): before each of n occasions a donor leaves with a probability
of its own, from Beta(gamma, delta); who stays gives with one from Beta(alpha, beta).
"""

import csv
from importlib.metadata import PackageNotFoundError, files

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, logsumexp

from stream.model.columns import Floats

PUBLISHED = [1.204, 0.750, 0.657, 2.783]


def donors() -> Floats:
    """Gifts x, occasion of the last t_x, occasions n, how many donors; (4, patterns)."""
    try:
        found = [path for path in files("lifetimes") or [] if path.name == "donations.csv"]
    except PackageNotFoundError:
        found = []
    if not found:
        pytest.skip("the donations come with the package lifetimes, which is not installed (make setup)")
    rows = csv.DictReader(found[0].read_text().splitlines())
    return np.array([[float(value) for value in row.values()] for row in rows]).T


def log_likelihood(x: float, t_x: float, n: float, log_parameters: Floats) -> float:
    """Of one donor: there to the end, or gone after any of the occasions since the last gift."""
    alpha, beta, gamma, delta = np.exp(log_parameters)
    gone = np.arange(t_x, n)
    gives = betaln(alpha + x, beta + np.append(gone, n) - x) - betaln(alpha, beta)
    leaves = np.append(betaln(gamma + 1.0, delta + gone), betaln(gamma, delta + n)) - betaln(gamma, delta)
    return float(logsumexp(gives + leaves))


def test_likelihood_is_a_distribution() -> None:
    """Over every record of six occasions that there can be it sums to 1; (x, t_x) stands for several."""
    whole = 0.0
    for record in range(2**6):
        at = [1 + i for i in range(6) if record >> i & 1]
        whole += np.exp(log_likelihood(len(at), max(at, default=0), 6, np.log(PUBLISHED)))
    assert whole == pytest.approx(1.0, abs=1e-12)


def test_donations_have_the_published_parameters() -> None:
    """11,104 donors: maximum likelihood at 1.204 .750 .657 2.783."""
    x, t_x, n, weight = donors()
    assert weight.sum() == 11_104

    def height(log_parameters: Floats) -> float:
        each = [log_likelihood(*row, log_parameters) for row in zip(x, t_x, n, strict=True)]
        return float(-(weight @ np.array(each)) / weight.sum())

    found = minimize(height, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    assert np.exp(found.x) == pytest.approx(PUBLISHED, abs=6e-4)
