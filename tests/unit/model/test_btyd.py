"""MBG/NBD in closed form, against published and independently computed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.model.btyd import log_p_alive, logit_no_purchase, p_no_purchase
from stream.model.columns import Floats
from stream.model.parameters import Mbg

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
POSITIVE = st.floats(0.05, 50.0)
MBG = st.builds(Mbg, r=POSITIVE, alpha=POSITIVE, a=POSITIVE, b=POSITIVE)


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("x", "t_x", "age"), [(1000, 30, 31), (1000, 30, 300), (1e5, 0, 5000), (0, 0, 0)])
@pytest.mark.parametrize("horizon", [0.1, 39.0, 520.0])
def test_extreme_histories_stay_finite(x: float, t_x: float, age: float, horizon: float) -> None:
    """A thousand purchases, decades of silence or none at all overflow nowhere."""
    history = columns(x, t_x, age)
    assert np.isfinite(logit_no_purchase(*history, horizon, CDNOW)).all()
    assert 0.0 <= p_no_purchase(*history, horizon, CDNOW)[0] <= 1.0


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
