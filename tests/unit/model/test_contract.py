"""The hazard of a contract's end: published numbers, silence, sense of each sign, no trap at the edges."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.special import expit

from stream.errors import ModelError
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.contract import (
    CONTRACT_TERMS,
    MONTH_DAYS,
    ContractFacts,
    contract_terms,
    log_survival_ratio,
    logit_ends,
)
from stream.model.parameters import Contract
from tests.contracts import CONTRACT

NOW_MS = EPOCH_1990_MS + 13_000 * MS_PER_DAY
HORIZON = 91


def contracts(now_ms: int = NOW_MS, **changes: Any) -> ContractFacts:
    """One contract, 300 days old and without a known term; times in days from now, None = unknown."""
    days = {"first": -300.0, "renewed": -300.0, "term_end": None} | changes
    times = {
        f"{name}_ms": np.array([0 if days[name] is None else round(now_ms + days[name] * MS_PER_DAY)])
        for name in ("first", "renewed", "term_end")
    }
    flags = {name: np.array([bool(changes.get(name))]) for name in ("cancel_requested", "ended")}
    return ContractFacts(**times, **flags)


def terms(facts: ContractFacts, now_ms: int = NOW_MS, model: Contract = CONTRACT, h: int = HORIZON) -> Any:
    return dict(zip(CONTRACT_TERMS, contract_terms(facts, now_ms, h, model)[0].tolist(), strict=True))


def risk(model: Contract = CONTRACT, h: int = HORIZON, **changes: Any) -> float:
    return float(expit(sum(terms(contracts(**changes), model=model, h=h).values())))


def test_survival_is_the_published_projection() -> None:
    """Fader & Hardie (2007), High End: years 8 to 12 from the parameters fitted to seven."""
    survival = np.exp(log_survival_ratio(np.zeros(5), np.arange(8.0, 13.0), 0.668, 3.806))
    assert np.round(survival, 3).tolist() == [0.460, 0.436, 0.414, 0.395, 0.378]


def test_retention_rate_is_the_closed_form() -> None:
    """Of those there after t - 1 periods (beta + t - 1) / (alpha + beta + t - 1) stay the next one."""
    t = np.arange(1.0, 8.0)
    retained = np.exp(log_survival_ratio(t - 1.0, 1.0, 0.704, 1.182))
    assert retained == pytest.approx((1.182 + t - 1) / (0.704 + 1.182 + t - 1), rel=1e-12)


@given(t=st.floats(0, 400), h=st.floats(0.03, 120), cut=st.floats(0.05, 0.95))
def test_a_horizon_is_the_sum_of_its_parts(t: float, h: float, cut: float) -> None:
    """Surviving h months is surviving the first part, then the rest from there."""
    at, part = np.array([t]), cut * h
    whole = log_survival_ratio(at, h, 0.7, 17.0)
    parts = log_survival_ratio(at, part, 0.7, 17.0) + log_survival_ratio(at + part, h - part, 0.7, 17.0)
    assert whole == pytest.approx(parts, rel=1e-9, abs=1e-11)


SHAPES = st.floats(1e-4, 1e5)


@given(alpha=SHAPES, beta=SHAPES, t=st.floats(0, 1500), h=st.floats(1 / 31, 120))
def test_no_shape_overflows(alpha: float, beta: float, t: float, h: float) -> None:
    """Over the whole domain of the parameters and 125 years the log-odds are finite numbers."""
    found = logit_ends(np.array([0.0, t]), h, alpha, beta)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 15.0).all()


@given(alpha=st.floats(0.05, 50), beta=st.floats(0.05, 200), t=st.floats(0, 600), more=st.floats(0, 120))
def test_longer_tenure_and_shorter_horizon_never_raise(
    alpha: float, beta: float, t: float, more: float
) -> None:
    """Of the baseline: who stayed longer leaves later, and more can happen in more time."""
    young, old = logit_ends(np.array([t, t + more]), 3.0, alpha, beta)
    assert old <= young + 1e-9
    short, long = logit_ends(np.array([t, t]), np.array([3.0, 3.0 + more]), alpha, beta)
    assert short <= long + 1e-9


MODELS = st.builds(
    Contract,
    alpha=st.floats(0.01, 20),
    beta=st.floats(0.01, 500),
    base=st.floats(-3, 3),
    tenure=st.floats(0, 3),
    term_length=st.floats(-2, 0),
    term_beyond=st.floats(-4, 0),
    bound_longer=st.floats(-2, 0),
    **{
        name: st.floats(0, 4)
        for name in ("term_ends", "further_ends", "term_passed", "cancel_requested", "ended")
    },
    trust_per_50_points=st.just(1.0),
    overdue_promise=st.just(1.0),
    payment_failure=st.just(1.0),
    engagement_fall=st.just(1.0),
    unsubscribed=st.just(1.0),
    grace_days=st.floats(0, 30),
)


@given(
    model=MODELS,
    h=st.integers(1, 400),
    first=st.floats(-2000, -1),
    length=st.floats(0.5, 800),
    waits=st.lists(st.floats(-900, 1), min_size=2, max_size=6),
    cancel_requested=st.booleans(),
    ended=st.booleans(),
)
def test_silence_never_lowers_the_risk_from_a_horizon_before_the_end_of_the_term(
    model: Contract,
    h: int,
    first: float,
    length: float,
    waits: list[float],
    cancel_requested: bool,
    ended: bool,
) -> None:
    """Whatever the weights: as the end comes nearer, passes, and nobody renews, the log-odds never fall."""
    facts = contracts(
        first=first, renewed=-0.25, term_end=length - 0.25, cancel_requested=cancel_requested, ended=ended
    )
    end_ms = int(facts.term_end_ms[0])
    times = sorted(
        {end_ms - h * MS_PER_DAY, end_ms} | {end_ms - round(wait * h * MS_PER_DAY) for wait in waits}
    )
    seen = [
        contract_terms(facts, time, h, model)[0].sum()
        for time in times
        if time >= max(end_ms - h * MS_PER_DAY, int(facts.renewed_ms[0]))
    ]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(seen))


@given(model=MODELS, h=st.integers(1, 400), first=st.floats(-2000, -1), days=st.floats(0, 2000))
def test_without_a_term_only_tenure_moves_in_silence(
    model: Contract, h: int, first: float, days: float
) -> None:
    """An open contract that is not ended is proof of staying: tenure may take off, nothing else moves."""
    facts = contracts(first=first, renewed=first)
    now, later = (terms(facts, NOW_MS + round(d * MS_PER_DAY), model, h) for d in (0.0, days))
    assert later["tenure"] <= now["tenure"] + 1e-9
    assert {name: now[name] for name in now if name != "tenure"} == {
        name: later[name] for name in later if name != "tenure"
    }


def test_each_step_towards_the_end_raises() -> None:
    """Bound beyond the horizon, no known term, ends within, over, asked to cancel, ended: in this order."""
    step: dict[str, Any] = {"first": -300.0, "renewed": -20.0}
    risks = [
        risk(**step, term_end=345.0),
        risk(**step),
        risk(**step, term_end=80.0),
        risk(**step, term_end=-3.0),
        risk(**step, term_end=-3.0, cancel_requested=True),
        risk(**step, term_end=-3.0, cancel_requested=True, ended=True),
    ]
    assert risks == sorted(risks)
    assert len(set(risks)) == len(risks)
    assert risks[-1] > 0.99


def test_a_monthly_contract_has_more_ends_than_a_yearly_one() -> None:
    """Of two that end on the same day the one that ends again and again within the horizon is riskier."""
    monthly = terms(contracts(renewed=-20.0, term_end=10.0))
    yearly = terms(contracts(renewed=-355.0, first=-355.0, term_end=10.0))
    further = np.log1p(2)  # 10, 40 and 70 days from now, of 91
    longer = np.log1p(365 / MONTH_DAYS) - np.log1p(30 / MONTH_DAYS)
    assert monthly["term_end"] - yearly["term_end"] == pytest.approx(
        CONTRACT.further_ends * further - CONTRACT.term_length * longer
    )


def test_the_further_away_the_end_the_lower_the_risk() -> None:
    """Bound beyond the horizon, each doubling of the distance to the end lowers the log-odds alike."""
    near, far, farther = (
        terms(contracts(renewed=days - 999.0, first=-999.0, term_end=days))["term_end"]
        for days in (HORIZON + 1e-6, 2.0 * HORIZON, 4.0 * HORIZON)
    )
    assert np.diff([near, far, farther]) == pytest.approx([CONTRACT.bound_longer * np.log(2.0)] * 2)


def test_renewal_after_the_known_end_leaves_the_term_unknown() -> None:
    """Renewed without a new end: as good as a contract without a term, never as one that is over."""
    assert risk(renewed=-1.0, term_end=-5.0) == risk(renewed=-1.0)
    assert risk(renewed=-9.0, term_end=-5.0) > risk(renewed=-9.0)


def test_a_term_is_over_after_the_days_of_grace() -> None:
    """A renewal may be reported a little late."""
    within, after = (risk(renewed=-30.0, term_end=-days) for days in (1.9, 2.1))
    assert within < after


def test_where_nobody_reports_renewals_a_past_end_says_nothing() -> None:
    """With `renewals_reported` false an end behind us only tells how long terms are, one before us all."""
    silent = replace(CONTRACT, renewals_reported=False)
    past = sum(terms(contracts(term_end=-40.0), model=silent).values())
    never = sum(terms(contracts(), model=silent).values())
    assert past - never == pytest.approx(CONTRACT.term_length * np.log1p(260.0 / MONTH_DAYS))
    assert risk(silent, term_end=40.0) == risk(term_end=40.0)


def test_tenure_counts_only_while_leaving_was_possible() -> None:
    """Within a term that ends beyond the horizon time survived counts; from then on it is held."""
    facts = contracts(first=-300.0, renewed=-10.0, term_end=HORIZON + 30.0)
    seen = [terms(facts, NOW_MS + day * MS_PER_DAY)["tenure"] for day in (0, 15, 30, 60, 200)]
    assert seen[0] > seen[1] > seen[2]
    assert seen[2:] == [seen[2]] * 3


def test_an_ended_contract_has_no_merit_of_age() -> None:
    """Tenure protects nobody who is gone."""
    assert terms(contracts(ended=True))["tenure"] == 0.0
    assert terms(contracts())["tenure"] < 0.0


def test_end_without_a_start_is_scored() -> None:
    """A stream that begins with a cancellation has neither tenure nor term: finite, and high."""
    assert 0.9 < risk(first=-0.0, renewed=None, ended=True) < 1.0
    assert np.isfinite(risk(first=None, renewed=None, term_end=5.0))


def test_units_are_months() -> None:
    """The horizon in days is divided by a twelfth of a year."""
    found = terms(contracts(first=0.0, renewed=0.0), h=30)["contract"] - CONTRACT.base
    expected = logit_ends(np.zeros(1), 30 / MONTH_DAYS, CONTRACT.alpha, CONTRACT.beta)[0]
    assert found == pytest.approx(expected)


def test_signs_are_part_of_the_domain() -> None:
    """A file in which a failed payment lowers the risk, or a running term raises it, is refused."""
    text = parameters.SHIPPED.read_text(encoding="utf-8")
    names = ", ".join(f"{name} = {getattr(CONTRACT, name)}" for name in Contract.__struct_fields__[:-1])
    table = f"contract = {{ {names} }}\n"
    whole = text.replace("[risk]", table + "\n[risk]", 1)
    assert parameters.parse(whole).churn.contract == CONTRACT
    assert parameters.parse(whole).model_version != parameters.parse(text).model_version
    for name, wrong in (("payment_failure", -0.1), ("term_beyond", 0.1), ("tenure", -0.1), ("alpha", 0.0)):
        right = f"{name} = {getattr(CONTRACT, name)}"
        with pytest.raises(ModelError, match=name):
            parameters.parse(whole.replace(right, f"{name} = {wrong}", 1))
