"""The fitted layer: risk never falls in silence, terms sum exactly, a file that breaks this is refused."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from stream.errors import ModelError
from stream.model import parameters
from stream.model.layer import DRIVERS, log_odds_terms, usual_amount
from stream.model.parameters import Coefficients, Layer, Mbg, Nbd, Parameters, Usual
from stream.model.risk import TERMS, churn_risk
from stream.model.toml import render
from tests.unit.model.test_risk import NOW_DAY, NOW_MS, regular

POSITIVE = st.floats(0.05, 30.0)
MBG = st.builds(Mbg, r=POSITIVE, alpha=POSITIVE, a=POSITIVE, b=POSITIVE)
SMALL = st.floats(0.0, 3.0)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    recency = draw(SMALL)
    return Layer(
        horizon_days=draw(st.integers(1, 400)),
        history_days=300,
        base=draw(st.floats(-3, 3)),
        coefficient=Coefficients(
            recency=recency,
            frequency=-draw(SMALL),
            age=draw(st.floats(-recency, 3.0)),
            amount=-draw(SMALL),
            mbg=draw(SMALL),
            nbd=draw(SMALL),
        ),
        usual=Usual(*(draw(st.floats(-3, 3)) for _ in DRIVERS)),
        nbd=draw(st.builds(Nbd, r=POSITIVE, alpha=POSITIVE)),
    )


def with_layer(layer: Layer, mbg: Mbg) -> Parameters:
    shipped = parameters.load()
    churn = parameters.Churn(horizon_days=layer.horizon_days, mbg=mbg, layer=layer)
    return msgspec.structs.replace(shipped, churn=churn)


FITTED = Layer(
    horizon_days=273,
    history_days=273,
    base=1.04,
    coefficient=Coefficients(recency=0.11, frequency=-0.95, age=0.18, amount=-0.085, mbg=0.28, nbd=0.046),
    usual=Usual(frequency=-0.52, silence=1.03, age=0.96, amount=-0.28),
    nbd=Nbd(r=0.385, alpha=12.07),
)
CDNOW = Mbg(r=0.525, alpha=6.183, a=0.891, b=1.614)


@given(
    layer=layers(),
    mbg=MBG,
    x=st.integers(0, 300),
    span=st.integers(1, 900),
    wait=st.floats(0, 900),
    more=st.floats(0, 900),
)
def test_risk_never_falls_in_silence(
    layer: Layer, mbg: Mbg, x: int, span: int, wait: float, more: float
) -> None:
    """Whatever the coefficients that are allowed: when only time passes the log-odds rise or stay."""
    t_x = np.array([float(span) if x else 0.0])
    history, amount = np.array([float(x)]), np.array([20.0])
    sooner, later = (
        log_odds_terms(history, t_x, t_x + silence, amount, layer, mbg).sum()
        for silence in (wait, wait + more)
    )
    assert later >= sooner - 1e-9 * max(1.0, abs(sooner))


@given(layer=layers(), mbg=MBG, x=st.integers(0, 50), wait=st.floats(0, 400), amount=st.floats(0, 1e6))
def test_more_spent_at_a_time_never_raises_the_risk(
    layer: Layer, mbg: Mbg, x: int, wait: float, amount: float
) -> None:
    """The amount's sign is held."""
    t_x = np.array([30.0 if x else 0.0])
    history = np.array([float(x)]), t_x, t_x + wait
    less, greater = (
        log_odds_terms(*history, np.array([spent]), layer, mbg).sum() for spent in (amount, 2 * amount + 1)
    )
    assert greater <= less + 1e-9 * max(1.0, abs(less))


@given(layer=layers(), mbg=MBG, days=st.integers(1, 60), silence=st.integers(0, 300), trust=st.floats(0, 100))
def test_contributions_sum_to_the_log_odds(
    layer: Layer, mbg: Mbg, days: int, silence: int, trust: float
) -> None:
    """Layer, service terms and all: the terms of the risk sum to its log-odds, and none is MBG's newcomer."""
    first = NOW_DAY - silence - (100.0 if days > 1 else 0.0)
    facts = regular(
        purchase_days=days, first_day=first, last_day=NOW_DAY - float(silence), amount_e4=10**6, overdue=1
    )
    found = churn_risk(facts, np.array([trust]), NOW_MS, with_layer(layer, mbg))
    total = found.contributions[0].sum()
    assert found.contributions[0, TERMS.index("newcomer")] == 0.0
    assert found.contributions[0, TERMS.index("average")] == layer.base
    if abs(total) < 15.0:
        assert logit(found.churn_risk[0]) == pytest.approx(total, abs=1e-9)


def test_terms_are_the_formula() -> None:
    """One customer by hand: base, and each driver's coefficients times its inputs less the usual."""
    x, t_x, age, amount = np.array([3.0]), np.array([100.0]), np.array([250.0]), np.array([30.0])
    found = log_odds_terms(x, t_x, age, amount, FITTED, CDNOW)[0]
    from stream.model.btyd import logit_no_purchase

    h = 39.0
    mbg = [logit_no_purchase(x, t_x / 7, at / 7, h, CDNOW)[0] for at in (t_x, age)]
    nbd = [logit_no_purchase(x, t_x / 7, at / 7, h, FITTED.nbd)[0] for at in (t_x, age)]
    c, u = FITTED.coefficient, FITTED.usual
    assert found[0] == FITTED.base
    assert found[1] == pytest.approx(c.frequency * np.log(4) + c.mbg * mbg[0] + c.nbd * nbd[0] - u.frequency)
    silence = c.recency * np.log(151) + c.mbg * (mbg[1] - mbg[0]) + c.nbd * (nbd[1] - nbd[0])
    assert found[2] == pytest.approx(silence - u.silence)
    assert found[3] == pytest.approx(c.age * np.log(257) - u.age)
    assert found[4] == pytest.approx(c.amount * np.log(31) - u.amount)
    assert usual_amount(FITTED) == pytest.approx(np.exp(u.amount / c.amount) - 1.0)


def test_amount_that_hardly_counts_has_no_usual() -> None:
    """A coefficient of next to nothing makes no number that overflows."""
    for c in (0.0, -1e-300):
        coefficient = msgspec.structs.replace(FITTED.coefficient, amount=c)
        assert np.isnan(usual_amount(msgspec.structs.replace(FITTED, coefficient=coefficient)))


def test_longer_silence_lowers_the_silence_term_of_nobody() -> None:
    """For the fitted coefficients of CDNOW the silence term itself rises day by day."""
    ages = np.arange(100.0, 900.0)
    n = len(ages)
    terms = log_odds_terms(np.full(n, 4.0), np.full(n, 100.0), ages, np.full(n, 20.0), FITTED, CDNOW)
    assert (np.diff(terms[:, 2]) > 0.0).all()


@pytest.mark.parametrize(
    ("table", "name", "value", "reason"),
    [
        ("churn.layer.coefficient", "recency", "-0.1", ">= 0.0"),
        ("churn.layer.coefficient", "amount", "0.1", "<= 0.0"),
        ("churn.layer.coefficient", "frequency", "nan", "Expected `float`"),
        ("churn.layer.coefficient", "age", "-0.2", "risk would fall in silence"),
        ("churn.layer", "horizon_days", "182", "fitted for 182 days, not 273"),
        ("churn.layer.nbd", "alpha", "0.0", "> 0.0"),
        ("churn.mbg", "b", "inf", "<= "),
        ("risk", "payment_failure", "-0.1", ">= 0.0"),
        ("risk", "trust_per_50_points", "-1.0", ">= 0.0"),
    ],
)
def test_fault_in_a_layer_is_refused_with_its_line(table: str, name: str, value: str, reason: str) -> None:
    """Name, reason, and the line of the file it stands in, or its table's where it is about several."""
    lines = render(with_layer(FITTED, CDNOW)).splitlines()
    heading = lines.index(f"[{table}]")
    at = next(i for i in range(heading, len(lines)) if lines[i].startswith(f"{name} = "))
    lines[at] = f"{name} = {value}"
    with pytest.raises(ModelError) as refused:
        parameters.parse("\n".join(lines), "model.toml")
    assert reason in str(refused.value)
    found = int(str(refused.value).split("model.toml line ")[1].split(":")[0]) - 1
    assert lines[found].startswith((f"{name} = ", "[churn"))


def test_rendered_parameters_load_as_they_were() -> None:
    """Every number to its last digit, with a layer and without; comments change nothing."""
    for value in (parameters.load(), with_layer(FITTED, CDNOW)):
        assert parameters.parse(render(value, ["a remark", ""])) == value
    assert "layer" not in render(parameters.load())


def test_facts_beside_the_terms() -> None:
    """Age in days and the mean amount beside the usual one, for people."""
    from stream.model.explain import observations
    from stream.model.score import Facts, score
    from stream.model.trust import LastHeard

    nothing = np.zeros((1, 13))
    heard = LastHeard(np.zeros(1), nothing, nothing)
    facts = Facts(nothing, nothing, heard, regular(amount_e4=2_500_000, purchase_days=10))
    found: dict[str, Any] = {}
    for name, model in (("layer", with_layer(FITTED, CDNOW)), ("none", parameters.load())):
        seen = observations(facts, score(facts, NOW_MS, model), NOW_MS, model)
        found[name] = {term: (seen.churn[0, k], seen.churn_usual[0, k]) for k, term in enumerate(TERMS)}
    assert found["layer"]["age"][0] == 130.0
    assert found["layer"]["amount"] == (25.0, pytest.approx(usual_amount(FITTED)))
    assert np.isnan(found["none"]["amount"][1])
