"""NBD, BG/NBD and MBG/NBD in closed form, against published and independently computed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.model.btyd import (
    Bg,
    Model,
    expected_purchases,
    gradient,
    log_likelihood,
    log_p_alive,
    logit_no_purchase,
    p_no_purchase,
)
from stream.model.columns import Floats
from stream.model.parameters import Mbg, Nbd

CDNOW = Mbg(r=0.525, alpha=6.183, a=0.891, b=1.614)
# (x, t_x, T, P(alive), P(at least one purchase in the next 39 weeks)) at these parameters, weeks: the rows of
# Hardie's worksheet for CDNOW among them; both formulas were also confirmed by simulation of 10^6 customers.
GOLDEN = [
    (0, 0, 38.86, 0.3897350809187629, 0.10882939877746811),
    (1, 1.71, 38.86, 0.17083648431040802, 0.10484355418351153),
    (2, 30.43, 38.86, 0.7062022651184873, 0.5599940908222931),
    (7, 29.43, 38.86, 0.6227238141691119, 0.6170226069039796),
    (5, 30, 39, 0.6851028397190215, 0.6630924267820613),
    (20, 30, 39, 0.20253952278023918, 0.20253894781422258),
    (23, 39, 39, 0.965065673397373, 0.9650652498117056),
    (26, 30.86, 31, 0.9655661441440616, 0.9655661388731878),
]
BG = Bg(r=0.243, alpha=4.414, a=0.793, b=2.426)  # Fader, Hardie & Lee 2005, table 2
NOBODY_LEAVES = Nbd(r=0.385, alpha=12.07)
# Published among them: CDNOW's customer 0001 (2, 30.43, 38.86) LL -9.46, P(alive) .7266, E[Y] 1.226 (Fader &
# Hardie, note 004); the rest computed apart from this code, the closed forms also simulated.
MORE_GOLDEN = [
    (-0.5547132764, -0.5398374635, 1.0, 0.195098052, 0.1540127467),
    (-4.469093275, -4.4603606126, 0.2121009854, 0.2031869871, 0.1888365414),
    (-9.4586063061, -9.4855513145, 0.7265785701, 1.2260281748, 1.2629606233),
    (-21.8632762715, -21.7765222489, 0.6417563459, 3.3370532749, 3.1675724323),
    (-17.7369339896, -17.6497282151, 0.7056268471, 2.6794573316, 2.5822465868),
    (-37.3928096389, -37.6577062615, 0.1968204445, 2.7820752352, 2.7305240343),
    (-41.2327959683, -41.5568861221, 0.9685554542, 15.6853987008, 14.8776554311),
    (-37.7265794734, -38.3221269478, 0.9689156497, 20.7497261409, 19.4507226522),
]
BOUGHT_AGAIN = [  # P(at least one purchase in 39 weeks), BG
    *(0.1445505408, 0.1166673494, 0.5546271379, 0.6356424854),
    *(0.6811319884, 0.1968199884, 0.9685551262, 0.9689156464),
]
POSITIVE = st.floats(0.05, 50.0)
MBG = st.builds(Mbg, r=POSITIVE, alpha=POSITIVE, a=POSITIVE, b=POSITIVE)
ANY = st.one_of(
    MBG,
    st.builds(Bg, r=POSITIVE, alpha=POSITIVE, a=POSITIVE, b=POSITIVE),
    st.builds(Nbd, r=POSITIVE, alpha=POSITIVE),
)


def columns(x: float, t_x: float, age: float) -> tuple[Floats, Floats, Floats]:
    return np.array([x], np.float64), np.array([t_x], np.float64), np.array([age], np.float64)


@pytest.mark.parametrize(("x", "t_x", "age", "alive", "buys"), GOLDEN)
def test_published_values(x: float, t_x: float, age: float, alive: float, buys: float) -> None:
    """P(alive) and P(no purchase in 39 weeks) are the known ones to 1e-9."""
    history = columns(x, t_x, age)
    assert np.exp(log_p_alive(*history, CDNOW))[0] == pytest.approx(alive, abs=1e-9)
    risk = p_no_purchase(*history, 39.0, CDNOW)[0]
    assert risk == pytest.approx(1.0 - buys, abs=1e-9)
    assert logit_no_purchase(*history, 39.0, CDNOW)[0] == pytest.approx(np.log(risk / (1.0 - risk)), abs=1e-9)


@pytest.mark.parametrize("case", range(len(GOLDEN)))
def test_published_likelihoods_and_expectations(case: int) -> None:
    """Log-likelihood, P(alive), P(a purchase) and E[Y(39)] of both models are the known ones to 1e-9."""
    history = columns(*GOLDEN[case][:3])
    ll_bg, ll_mbg, alive_bg, next_bg, next_mbg = MORE_GOLDEN[case]
    assert log_likelihood(*history, BG)[0] == pytest.approx(ll_bg, abs=1e-9)
    assert log_likelihood(*history, CDNOW)[0] == pytest.approx(ll_mbg, abs=1e-9)
    assert np.exp(log_p_alive(*history, BG))[0] == pytest.approx(alive_bg, abs=1e-9)
    assert 1.0 - p_no_purchase(*history, 39.0, BG)[0] == pytest.approx(BOUGHT_AGAIN[case], abs=1e-9)
    assert expected_purchases(*history, 39.0, BG)[0] == pytest.approx(next_bg, abs=1e-9)
    assert expected_purchases(*history, 39.0, CDNOW)[0] == pytest.approx(next_mbg, abs=1e-9)


def test_published_customers() -> None:
    """CDNOW's 0001 and 0006 (note 004): P(alive) .7266 and .6418, E[Y(39)] 1.226 and 3.337, LL -9.46."""
    first, sixth = columns(2, 30.43, 38.86), columns(7, 29.43, 38.86)
    assert np.exp(log_p_alive(*first, BG))[0] == pytest.approx(0.7266, abs=5e-5)
    assert np.exp(log_p_alive(*sixth, BG))[0] == pytest.approx(0.6418, abs=5e-5)
    assert expected_purchases(*first, 39.0, BG)[0] == pytest.approx(1.226, abs=5e-4)
    assert expected_purchases(*sixth, 39.0, BG)[0] == pytest.approx(3.337, abs=5e-4)
    assert log_likelihood(*first, BG)[0] == pytest.approx(-9.46, abs=5e-3)


@pytest.mark.parametrize("x", [1, 7, 40])
def test_who_bought_just_now_may_have_left(x: int) -> None:
    """P(not alive) right after a purchase is a / (a + b + x - 1), MBG: a / (a + b + x)."""
    for m, k in ((BG, 0), (CDNOW, 1)):
        gone = -np.expm1(log_p_alive(*columns(x, 30.0, 30.0), m))[0]
        assert gone == pytest.approx(m.a / (m.a + m.b + x + k - 1), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "t_x", "bg", "mbg"), [(0, 0, -0.59947382, -0.41792826), (200, 38, 100.7957, 100.7869)]
)
def test_likelihoods_of_other_programs(x: float, t_x: float, bg: float, mbg: float) -> None:
    """The values in pymc-marketing's tests: a .8, b 2.5, r .25, alpha 4, T 40; two hundred purchases too."""
    values = {"r": 0.25, "alpha": 4.0, "a": 0.8, "b": 2.5}
    history = columns(x, t_x, 40)
    assert log_likelihood(*history, Bg(**values))[0] == pytest.approx(bg, rel=1e-6)
    assert log_likelihood(*history, Mbg(**values))[0] == pytest.approx(mbg, rel=1e-6)


@given(m=ANY, x=st.integers(0, 1000), span=st.floats(0, 300), wait=st.floats(0, 300), h=st.floats(0.1, 300))
def test_no_purchase_is_the_ratio_of_likelihoods(
    m: Model, x: int, span: float, wait: float, h: float
) -> None:
    """P(no purchase in h) = L(x, t_x, T+h) / L(x, t_x, T), for every member of the family."""
    history, t_x = columns(x, span if x else 0.0, (span if x else 0.0) + wait), span if x else 0.0
    later = log_likelihood(*columns(x, t_x, t_x + wait + h), m)[0]
    ratio = np.exp(later - log_likelihood(*history, m)[0])
    assert p_no_purchase(*history, h, m)[0] == pytest.approx(ratio, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("m", [BG, CDNOW, NOBODY_LEAVES])
@pytest.mark.parametrize(
    ("x", "t_x", "age"), [(0, 0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (40, 9, 90)]
)
def test_gradient_is_the_slope(m: Model, x: float, t_x: float, age: float) -> None:
    """Each derivative equals a difference quotient."""
    names = ("r", "alpha") if isinstance(m, Nbd) else ("r", "alpha", "a", "b")
    values = np.array([getattr(m, name) for name in names])
    slope = gradient(*columns(x, t_x, age), m)[0]
    for j, value in enumerate(values):
        step = np.zeros(len(values))
        step[j] = 1e-5 * value
        up, down = (log_likelihood(*columns(x, t_x, age), type(m)(*(values + s * step)))[0] for s in (1, -1))
        assert slope[j] == pytest.approx((up - down) / (2 * step[j]), rel=1e-5, abs=1e-8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [Bg, Mbg])
@pytest.mark.parametrize("x", [1.0, 30.0, 900.0])
def test_expectation_is_finite_where_all_drop_out_alike(kind: type[Bg] | type[Mbg], x: float) -> None:
    """As a and b grow at one ratio the expectation goes to that of one probability for all, never to nan."""
    history = columns(x, 500.0, 520.0)
    found = [expected_purchases(*history, 52.0, kind(0.5, 6.0, a, 20.0 * a))[0] for a in (1e2, 1e3, 1e4, 1e5)]
    assert found[3] > 0.0
    assert np.abs(np.diff(found))[1:] == pytest.approx(np.abs(np.diff(found))[:-1] / 10.0, rel=0.25)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [Bg, Mbg])
@pytest.mark.parametrize("x", [0, 3, 1000])
def test_expectation_is_continuous_at_a_of_one(kind: type[Bg] | type[Mbg], x: float) -> None:
    """At a = 1 the formula is 0/0; its limit is used. And a thousand purchases overflow nowhere."""
    history = columns(x, 20 if x else 0, 30)
    near, at = (expected_purchases(*history, 26.0, kind(0.5, 9.0, a, 2.0))[0] for a in (1.0 + 1e-4, 1.0))
    assert np.isfinite(at)
    assert at == pytest.approx(near, rel=1e-3)


@given(m=ANY, x=st.integers(0, 60), span=st.floats(0.5, 100), wait=st.floats(0, 100))
def test_expectation_bounds_the_probability(m: Model, x: int, span: float, wait: float) -> None:
    """Markov: P(at least one) <= E[Y], for any member and any history."""
    history = columns(x, span if x else 0.0, (span if x else 0.0) + wait)
    expected = expected_purchases(*history, 20.0, m)[0]
    assert 1.0 - p_no_purchase(*history, 20.0, m)[0] <= expected * (1.0 + 1e-6) + 1e-9


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("m", [CDNOW, BG, NOBODY_LEAVES])
@pytest.mark.parametrize(("x", "t_x", "age"), [(1000, 30, 31), (1000, 30, 300), (1e5, 0, 5000), (0, 0, 0)])
@pytest.mark.parametrize("horizon", [0.1, 39.0, 520.0])
def test_extreme_histories_stay_finite(x: float, t_x: float, age: float, horizon: float, m: Model) -> None:
    """A thousand purchases, decades of silence or none at all overflow nowhere."""
    history = columns(x, t_x, age)
    assert np.isfinite(log_likelihood(*history, m)).all()
    assert np.isfinite(expected_purchases(*history, horizon, m)).all()
    assert np.isfinite(logit_no_purchase(*history, horizon, m)).all()
    assert 0.0 <= p_no_purchase(*history, horizon, m)[0] <= 1.0


@given(mbg=MBG, x=st.integers(0, 200), span=st.floats(0, 300), wait=st.floats(0, 300), more=st.floats(0, 300))
def test_risk_never_falls_in_silence(mbg: Mbg, x: int, span: float, wait: float, more: float) -> None:
    """When only time passes the purchase model's risk rises or stays."""
    t_x = span if x else 0.0
    sooner, later = (
        logit_no_purchase(*columns(x, t_x, t_x + silence), 26.0, mbg)[0] for silence in (wait, wait + more)
    )
    assert later >= sooner - 1e-9 * abs(sooner)


@given(mbg=MBG, x=st.integers(0, 50), span=st.floats(0, 100), wait=st.floats(0, 100), h=st.floats(0.1, 200))
def test_longer_horizon_means_less_risk(mbg: Mbg, x: int, span: float, wait: float, h: float) -> None:
    """There is more time to buy in, and P(no purchase) never falls below P(not alive)."""
    t_x = span if x else 0.0
    history = columns(x, t_x, t_x + wait)
    near, far = (p_no_purchase(*history, horizon, mbg)[0] for horizon in (h, 2.0 * h))
    assert far <= near + 1e-12
    assert far >= -np.expm1(log_p_alive(*history, mbg)[0]) - 1e-12


@given(mbg=MBG, x=st.integers(1, 50), t_x=st.floats(0.5, 100), wait=st.floats(0, 100))
def test_likelihood_of_silence_is_consistent(mbg: Mbg, x: int, t_x: float, wait: float) -> None:
    """The chain rule: P(silent for h1 + h2) = P(silent for h1) P(silent for the next h2, having been so)."""
    now = p_no_purchase(*columns(x, t_x, t_x + wait), 30.0, mbg)[0]
    first = p_no_purchase(*columns(x, t_x, t_x + wait), 10.0, mbg)[0]
    second = p_no_purchase(*columns(x, t_x, t_x + wait + 10.0), 20.0, mbg)[0]
    assert first * second == pytest.approx(now, rel=1e-9)


@given(x=st.integers(0, 30), t_x=st.floats(0, 50), wait=st.floats(1, 50))
def test_slope_in_time_is_the_hazard(x: int, t_x: float, wait: float) -> None:
    """Finite differences: d P(no purchase)/dh = -P(alive) (r+x)/(alpha+T+h) ((alpha+T)/(alpha+T+h))^(r+x)."""
    t_x = t_x if x else 0.0
    history, h, step = columns(x, t_x, t_x + wait), 20.0, 1e-4
    up, down = (p_no_purchase(*history, h + d, CDNOW)[0] for d in (step, -step))
    scale = CDNOW.alpha + t_x + wait
    decay = (scale / (scale + h)) ** (CDNOW.r + x)
    slope = -np.exp(log_p_alive(*history, CDNOW)[0]) * (CDNOW.r + x) / (scale + h) * decay
    assert (up - down) / (2.0 * step) == pytest.approx(slope, abs=1e-8)
