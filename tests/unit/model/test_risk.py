"""Churn risk: its terms sum to its log-odds; absent with a reason; each fact moves it its way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from msgspec.structs import replace
from scipy.special import logit

from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.risk import TERMS, RiskFacts, churn_risk
from tests.contracts import CONTRACT

SHIPPED = parameters.load()
FITTED = replace(SHIPPED, churn=replace(SHIPPED.churn, contract=CONTRACT))
NOW_DAY = 13_000
NOW_MS = EPOCH_1990_MS + NOW_DAY * MS_PER_DAY
N = 5


def column(elements: st.SearchStrategy[Any], kind: type) -> st.SearchStrategy[Any]:
    return hnp.arrays(kind, N, elements=elements)


BOOLS = column(st.booleans(), np.bool_)
FACTS = st.builds(
    RiskFacts,
    purchase_days=column(st.integers(0, 60), np.int64),
    first_day=column(st.integers(10_000, 11_000), np.float64),
    last_day=column(st.integers(11_000, NOW_DAY), np.float64),
    amount_e4=column(st.integers(0, 10**12), np.int64),
    overdue=column(st.integers(0, 9), np.int64),
    payment_failures=column(st.floats(0, 9), np.float64),
    engagement_short=column(st.floats(0, 90), np.float64),
    engagement_long=column(st.floats(0, 90), np.float64),
    unsubscribed=BOOLS,
    contractual=BOOLS,
    cancel_requested=BOOLS,
    ended=BOOLS,
    term_end_ms=column(st.sampled_from([0, NOW_MS - 1, NOW_MS + 10**9, NOW_MS + 10**12]), np.int64),
    first_ms=column(st.sampled_from([0, NOW_MS - 10**11, NOW_MS - 10**9, NOW_MS + 10**8]), np.int64),
    renewed_ms=column(st.sampled_from([0, NOW_MS - 10**10, NOW_MS - 10**8]), np.int64),
)


def regular(**changes: Any) -> RiskFacts:
    """One customer: ten purchase days in 100 days, the last a month ago."""
    facts: dict[str, Any] = dict.fromkeys(RiskFacts.__slots__, 0) | {
        "purchase_days": 10,
        "first_day": NOW_DAY - 130.0,
        "last_day": NOW_DAY - 30.0,
        "engagement_short": 5.0,
        "engagement_long": 20.0,
    }
    kinds = dict.fromkeys(("unsubscribed", "contractual", "cancel_requested", "ended"), np.bool_)
    return RiskFacts(**{k: np.array([v], kinds.get(k)) for k, v in (facts | changes).items()})


def risk_of(trust: float = 50.0, **changes: Any) -> float:
    return float(churn_risk(regular(**changes), np.array([trust]), NOW_MS, SHIPPED).churn_risk[0])


@given(facts=FACTS, trust=column(st.floats(0, 100), np.float64), model=st.sampled_from([SHIPPED, FITTED]))
def test_terms_sum_to_the_log_odds(facts: RiskFacts, trust: Any, model: parameters.Parameters) -> None:
    """The contributions of a risk sum to its log-odds; an absent risk has none."""
    scores = churn_risk(facts, trust, NOW_MS, model)
    known = ~np.isnan(scores.churn_risk)
    total = scores.contributions.sum(axis=1)
    inside = known & (np.abs(total) < 15.0)
    assert logit(scores.churn_risk[inside]) == pytest.approx(total[inside], abs=1e-9)
    assert (scores.contributions[~known] == 0.0).all()
    assert scores.contributions.shape == (N, len(TERMS))
    assert (known == ((facts.purchase_days > 0) | facts.contractual)).all()
    assert ((scores.churn_risk[known] >= 0.0) & (scores.churn_risk[known] <= 1.0)).all()


RAISES: dict[str, dict[str, Any]] = {
    "trust": {"trust": 10.0},
    "an overdue promise": {"overdue": 1},
    "a failed payment": {"payment_failures": 1.0},
    "engagement that fell": {"engagement_short": 1.0},
    "unsubscribing": {"unsubscribed": True},
    "a longer silence": {"last_day": NOW_DAY - 60.0},
}


@pytest.mark.parametrize("fact", RAISES)
def test_bad_sign_raises_the_risk(fact: str) -> None:
    """Each sign of leaving, by itself, raises the risk of a regular buyer."""
    assert risk_of(**RAISES[fact]) > risk_of()


@pytest.mark.parametrize(
    ("much", "too_much"),
    [
        ({"overdue": 3}, {"overdue": 30}),
        ({"payment_failures": 3.0}, {"payment_failures": 30.0}),
        (
            {"engagement_short": 0.25, "engagement_long": 8.0},
            {"engagement_short": 0.0, "engagement_long": 8.0},
        ),
    ],
)
def test_no_single_sign_counts_without_limit(much: dict[str, Any], too_much: dict[str, Any]) -> None:
    """Beyond its limit more of the same sign adds nothing."""
    assert risk_of(**much) == risk_of(**too_much)


@pytest.mark.parametrize(("name", "less", "more"), [("overdue", 2, 3), ("payment_failures", 2.5, 3.0)])
def test_up_to_its_limit_each_more_counts(name: str, less: float, more: float) -> None:
    """Two of a sign are less than three."""
    assert risk_of(**{name: less}) < risk_of(**{name: more})


def test_each_halving_of_the_engagement_counts_the_same() -> None:
    """Once, twice, three times below the usual rate: equal steps in log-odds."""
    risks = [risk_of(engagement_long=8.0, engagement_short=2.0 / 2**k) for k in range(4)]
    assert np.diff(logit(risks)) == pytest.approx([SHIPPED.risk.engagement_fall] * 3)


def test_engagement_too_thin_to_judge_says_nothing() -> None:
    """With fewer than two engagements in the long window a fall cannot be told from chance."""
    assert risk_of(engagement_short=0.0, engagement_long=1.9) == risk_of()


def test_contract_replaces_the_purchase_model() -> None:
    """A subscriber's base is declared; the end of term, a cancel request and the end itself each add."""
    base = risk_of(contractual=True)
    assert base == pytest.approx(1.0 / (1.0 + np.exp(-SHIPPED.risk.subscription_base)))
    assert base == risk_of(contractual=True, purchase_days=0)
    ends = risk_of(contractual=True, term_end_ms=NOW_MS + 10**9)
    asked = risk_of(contractual=True, cancel_requested=True)
    over = risk_of(contractual=True, ended=True)
    assert base < ends < asked < over
    assert risk_of(contractual=True, term_end_ms=NOW_MS + 10**12) == base


def test_fitted_contract_touches_subscribers_alone() -> None:
    """With a fitted contract a buyer's risk is what it was, and a subscriber has weights of its own."""
    trust = np.array([30.0])
    signs: dict[str, Any] = {"overdue": 1, "payment_failures": 1.0, "unsubscribed": True}
    shipped, fitted = (
        churn_risk(regular(**signs), trust, NOW_MS, model).contributions for model in (SHIPPED, FITTED)
    )
    assert shipped.tolist() == fitted.tolist()
    terms = churn_risk(regular(**signs, contractual=True), trust, NOW_MS, FITTED).contributions[0]
    of = dict(zip(TERMS, terms.tolist(), strict=True))
    assert of["trust"] == pytest.approx(CONTRACT.trust_per_50_points * 20.0 / 50.0)
    assert of["overdue_promises"] == CONTRACT.overdue_promise
    assert of["payment_failures"] == CONTRACT.payment_failure
    assert of["unsubscribed"] == CONTRACT.unsubscribed
    assert of["newcomer"] == of["frequency"] == of["silence"] == 0.0


def test_nothing_bought_and_no_contract_is_absent() -> None:
    """Somebody who only complained has no churn risk: not zero, none."""
    assert np.isnan(risk_of(purchase_days=0, overdue=3))
