"""CDNOW's published tables for Pareto/NBD and for every way to rank churn, each column as it is printed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import chi2

from stream.model import btyd, pareto
from stream.model.btyd import Bg
from stream.model.columns import Floats
from stream.model.parameters import Mbg
from stream.model.pareto import Pareto
from stream.offline import cdnow
from stream.offline.evaluate import HORIZON_DAYS
from stream.offline.metrics import auc, brier, lift, pr_auc
from tests.unit.offline.test_fit_cdnow import BG, MBG, ORIGIN, START, panel, sample_at_origin

PARETO = Pareto(0.553, 10.578, 0.606, 11.669)  # Fader, Hardie & Lee 2005, table 2
WHOLE_BG = Bg(0.25162, 4.78894, 0.72343, 2.16109)  # fitted to all 23,570 customers
WHOLE_MBG = Mbg(0.63714, 7.31029, 0.80747, 1.22839)


def history() -> tuple[Floats, Floats, Floats]:
    rfm = sample_at_origin()
    return rfm.x, rfm.t_x / 7.0, rfm.T / 7.0


def ece_by_rank(happened: NDArray[np.bool_], probability: Floats) -> float:
    """Ten bins of equal count in the order of the predictions, as the published figures take them."""
    bins = np.array_split(np.argsort(probability, kind="stable"), 10)
    return float(sum(abs((happened[each] - probability[each]).sum()) for each in bins) / len(happened))


def p_count(n: int, t: float) -> float:
    """P(X(t) = n) under Pareto/NBD: Poisson-gamma counts of the time alive, mixed over when it ends."""
    m, ways = PARETO, np.exp(gammaln(PARETO.r + n) - gammaln(PARETO.r) - gammaln(n + 1.0))

    def counts(u: float) -> float:
        return float((m.alpha / (m.alpha + u)) ** m.r * (u / (m.alpha + u)) ** n)

    left, _ = quad(lambda u: counts(u) * m.s * m.beta**m.s * (m.beta + u) ** -(m.s + 1.0), 0.0, t)
    return float(ways * (counts(t) * (m.beta / (m.beta + t)) ** m.s + left))


def test_pareto_in_the_holdout() -> None:
    """Of who never came again .14 are expected (FHL 2005); correlations .630 with the truth, .996 with BG."""
    rfm, all_ = sample_at_origin(), panel()
    bought = np.bincount(all_.customer[all_.day > ORIGIN], minlength=len(all_.keys))[rfm.customer]
    expected = pareto.expected_purchases(*history(), 39.0, PARETO)
    assert expected[rfm.x == 0].mean() == pytest.approx(0.14, abs=0.005)
    assert np.corrcoef(expected, bought)[0, 1] == pytest.approx(0.630, abs=5e-4)
    by_bg = btyd.expected_purchases(*history(), 39.0, BG)
    assert np.corrcoef(expected, by_bg)[0, 1] == pytest.approx(0.996, abs=6e-4)


def test_pareto_cumulative_repeat_purchases_at_week_78() -> None:
    """FHL 2005: 2 % fewer than the 4,339 that were made."""
    rfm, all_ = sample_at_origin(), panel()
    weeks = (START + 545 - (ORIGIN - rfm.T)) / 7.0
    days, customers = np.unique(weeks, return_counts=True)
    zero = np.zeros(1)
    each = [pareto.expected_purchases(zero, zero, zero, float(t), PARETO)[0] for t in days]
    assert customers @ np.array(each) / (len(all_.day) - len(rfm)) - 1.0 == pytest.approx(-0.02, abs=0.005)


def test_pareto_histogram_of_repeat_purchases() -> None:
    """FHL 2005: chi2(3) = 11.99, p = .007 for 0..6 and 7+ repeat purchases."""
    rfm = sample_at_origin()
    ages, customers = np.unique(rfm.T / 7.0, return_counts=True)
    expected = np.array([customers @ np.array([p_count(n, float(t)) for t in ages]) for n in range(7)])
    expected = np.append(expected, len(rfm) - expected.sum())
    actual = np.bincount(np.minimum(rfm.x, 7).astype(int), minlength=8)
    distance = float(((actual - expected) ** 2 / expected).sum())
    assert distance == pytest.approx(11.99, abs=0.01)
    assert chi2.sf(distance, 3) == pytest.approx(0.007, abs=5e-4)


@pytest.mark.parametrize(
    ("m", "alive", "none", "orders", "pr", "gain", "first"),
    [
        (BG, (0.698, 0.608, 0.542), (0.720, 0.161, 0.054), 0.728, 0.828, 1.44, 0.26),
        (MBG, (0.701, 0.206, 0.183), (0.718, 0.161, 0.054), 0.728, 0.833, 1.42, 0.26),
    ],
)
def test_ways_to_rank_churn(
    m: Bg | Mbg,
    alive: tuple[float, float, float],
    none: tuple[float, float, float],
    orders: float,
    pr: float,
    gain: float,
    first: float,
) -> None:
    """AUC among repeat buyers, Brier, ECE, PR-AUC, lift of the top tenth; the best: .26 told, .19 true."""
    churned = ~panel().buyers(ORIGIN, ORIGIN + HORIZON_DAYS)[sample_at_origin().customer]
    again = sample_at_origin().x > 0
    dead = -np.expm1(btyd.log_p_alive(*history(), m))
    risk = btyd.p_no_purchase(*history(), 39.0, m)
    for probability, (ranked, error, gap) in ((dead, alive), (risk, none)):
        assert auc(churned[again], probability[again]) == pytest.approx(ranked, abs=6e-4)
        assert brier(churned, probability) == pytest.approx(error, abs=6e-4)
        assert ece_by_rank(churned, probability) == pytest.approx(gap, abs=6e-4)
    fewer = -btyd.expected_purchases(*history(), 39.0, m)
    assert auc(churned[again], fewer[again]) == pytest.approx(orders, abs=6e-4)
    assert pr_auc(churned, risk) == pytest.approx(pr, abs=6e-4)
    assert lift(churned[again], risk[again]) == pytest.approx(gain, abs=0.01)  # 94 or 95 are a tenth of 946
    best = np.argsort(risk)[: len(risk) // 10]
    assert risk[best].mean() == pytest.approx(first, abs=0.005)
    assert churned[best].mean() == pytest.approx(0.19, abs=0.005)


def test_ranking_by_recency_alone() -> None:
    """Base Brier .206; recency AUC .712 among repeat buyers, PR-AUC .861; no lift of theirs exceeds 2.08."""
    rfm = sample_at_origin()
    churned, again = ~panel().buyers(ORIGIN, ORIGIN + HORIZON_DAYS)[rfm.customer], rfm.x > 0
    assert brier(churned, np.full(len(rfm), churned.mean())) == pytest.approx(0.206, abs=5e-4)
    assert auc(churned[again], rfm.recency[again]) == pytest.approx(0.712, abs=5e-4)
    assert pr_auc(churned, rfm.recency) == pytest.approx(0.861, abs=1e-3)
    assert 1.0 / churned[again].mean() == pytest.approx(2.08, abs=5e-3)


def test_ranking_in_the_whole_file() -> None:
    """23,570 customers: recency .759; P(alive) .320 and .700; P(no purchase) .747, .755; -E[Y] .763, .765."""
    name: cdnow.Name = "master"
    rfm = panel(name).at(ORIGIN)
    churned = ~panel(name).buyers(ORIGIN, ORIGIN + HORIZON_DAYS)[rfm.customer]
    of = rfm.x, rfm.t_x / 7.0, rfm.T / 7.0
    assert auc(churned, rfm.recency) == pytest.approx(0.759, abs=6e-4)
    for m, alive, none, fewer in ((WHOLE_BG, 0.320, 0.747, 0.763), (WHOLE_MBG, 0.700, 0.755, 0.765)):
        assert auc(churned, -btyd.log_p_alive(*of, m)) == pytest.approx(alive, abs=6e-4)
        assert auc(churned, btyd.p_no_purchase(*of, 39.0, m)) == pytest.approx(none, abs=6e-4)
        assert auc(churned, -btyd.expected_purchases(*of, 39.0, m)) == pytest.approx(fewer, abs=6e-4)
