"""Totals and counts of a population under BG/NBD and MBG/NBD, against published numbers."""

import numpy as np
import pytest
from scipy.stats import chi2

from stream.model.btyd import Bg, expected_purchases
from stream.model.parameters import Mbg
from stream.model.population import expected_total, p_count

# Maximum likelihood on the CDNOW sample (Fader, Hardie & Lee 2005 to six digits; MBG: lifetimes, BTYDplus).
BG = Bg(0.2425945301565925, 4.413602176838324, 0.7929218717988465, 2.425906234077228)
MBG = Mbg(0.5248431273921059, 6.183085191698016, 0.8913593239878046, 1.6140022222670038)
ROUNDED = Bg(0.243, 4.414, 0.793, 2.426)  # as printed in the paper
WEEKS = [0.1429, 1.0, 3.0, 31.8571, 32.0, 78.0]
PUBLISHED = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]  # Hardie's worksheet, rounded parameters
COMPUTED_BG = [0.00781600037, 0.0531842913, 0.1506308387, 1.0404891546, 1.0437320563, 1.8579584504]
COMPUTED_MBG = [0.0077795724, 0.0530603223, 0.1507922163, 1.033467030, 1.0366057177, 1.8036304620]


def test_expected_totals_are_the_published_ones() -> None:
    """E[X(t)] at six times, both models; the worksheet's last digit differs because it rounds parameters."""
    t = np.array(WEEKS)
    assert expected_total(t, BG) == pytest.approx(COMPUTED_BG, rel=1e-9)
    assert expected_total(t, MBG) == pytest.approx(COMPUTED_MBG, rel=1e-8)
    assert expected_total(t, BG) == pytest.approx(PUBLISHED, abs=5e-4)


@pytest.mark.parametrize("m", [BG, MBG])
def test_a_newcomer_is_the_population(m: Bg | Mbg) -> None:
    """E[X(t)] is what is expected of a customer at the moment of the first purchase."""
    zero = np.zeros(1)
    for t in (1.0, 39.0, 200.0):
        start = expected_purchases(zero, zero, zero, t, m)[0]
        assert expected_total(np.array([t]), m)[0] == pytest.approx(start, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "t", "p"),
    [
        (0, 39.0, 0.5737864),
        (10, 2.0, 1.07869e-07),
        (11, 30.0, 0.0019995214),
        (12, 30.0, 0.0015170236),
        (13, 30.0, 0.0011633150),
        (14, 30.0, 0.0009003148),
    ],
)
def test_counts_are_the_published_ones(n: int, t: float, p: float) -> None:
    """P(X(t) = n) of the BTYD manual (parameters .243 4.414 .793 2.426)."""
    assert p_count(n, t, ROUNDED) == pytest.approx(p, rel=1e-5)


def test_counts_are_a_distribution() -> None:
    """They sum to 1, and their mean is E[X(t)]."""
    p = np.array([p_count(n, 39.0, BG) for n in range(600)])
    assert p.sum() == pytest.approx(1.0, abs=1e-6)
    assert p @ np.arange(600) == pytest.approx(expected_total(np.array([39.0]), BG)[0], rel=1e-4)


def test_histogram_of_repeat_purchases() -> None:
    """Fader, Hardie & Lee 2005: chi2(3) = 4.82, p = .19 for 0..6 and 7+ repeat purchases."""
    from tests.unit.offline.test_fit_cdnow import sample_at_origin

    rfm = sample_at_origin()
    ages, customers = np.unique(rfm.T, return_counts=True)
    expected = np.zeros(8)
    for age, count in zip((ages / 7.0).tolist(), customers.tolist(), strict=True):
        expected[:7] += [count * p_count(n, age, ROUNDED) for n in range(7)]
    expected[7] = len(rfm) - expected.sum()
    actual = np.bincount(np.minimum(rfm.x, 7).astype(int), minlength=8)
    assert actual.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert expected == pytest.approx([1406.5, 460.8, 192.7, 101.3, 59.9, 38.2, 25.6, 72.0], abs=0.06)
    distance = float(((actual - expected) ** 2 / expected).sum())
    assert distance == pytest.approx(4.82, abs=0.01)
    assert chi2.sf(distance, 3) == pytest.approx(0.19, abs=0.005)
