"""Risk never falls in silence: whatever happened before, whatever the model, between any two times."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from stream.alerts import rules
from stream.model import parameters
from stream.model.columns import Floats
from stream.model.parameters import HalfLives, Parameters
from stream.model.risk import SERVICE, TERMS
from stream.pipeline import Pipeline
from stream.state.facts import facts
from tests.contracts import CONTRACT
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, iso, records
from tests.unit.model.test_layer import layers

SHIPPED, RULES = parameters.load(), rules.load()
HALF_LIFE = st.floats(30.0, 3650.0)
RAISES = st.floats(0.0, 5.0)


@st.composite
def models(draw: st.DrawFn) -> Parameters:
    """Parameters with other half-lives and weights, a layer or none, a fitted contract or none."""
    days = HalfLives(*(draw(HALF_LIFE) for _ in HalfLives.__struct_fields__))
    spans = {name: draw(HALF_LIFE) for name in ("engagement_short_days", "engagement_long_days")}
    statistics = replace(
        SHIPPED.statistics, half_life_days=days, payment_failure_days=draw(HALF_LIFE), **spans
    )
    raising = set(SHIPPED.risk.__struct_fields__) - {"subscription_base"}
    trust = replace(
        SHIPPED.trust,
        base_rate=draw(st.floats(0.05, 0.95)),
        prior_weight=draw(st.floats(0.1, 10.0)),
        negative_weight=draw(st.floats(0.5, 5.0)),
    )
    churn, layer = SHIPPED.churn, draw(st.none() | layers())
    if layer is not None:
        churn = replace(churn, layer=layer, horizon_days=layer.horizon_days)
    return replace(
        SHIPPED,
        statistics=draw(st.sampled_from([SHIPPED.statistics, statistics])),
        trust=draw(st.sampled_from([SHIPPED.trust, trust])),
        risk=replace(SHIPPED.risk, **{name: draw(RAISES) for name in sorted(raising)}),
        churn=replace(churn, contract=draw(st.sampled_from([None, CONTRACT]))),
    )


def terms_at(model: Parameters, found: list[Body], days: list[float]) -> tuple[Floats, NDArray[np.bool_]]:
    """Terms of each customer's risk, so many days after the latest event, and who has a contract.

    Returns:
        terms (times, customers, len(TERMS)); contractual (customers,).
    """
    pipeline = Pipeline(model, RULES)
    table = pipeline.new_table()
    pipeline.step(table, records(found), END_MS)
    latest_ms = max(_time_ms(body) for body in found)
    seen = [pipeline.scores(table, latest_ms + int(day * DAY_MS))[1].risk.contributions for day in days]
    known = facts(table, np.arange(len(seen[0])), latest_ms, model)
    return np.stack(seen), known.risk.contractual


def _time_ms(body: Body) -> int:
    return int(np.datetime64(body["occurred_at"].removesuffix("+00:00"), "ms").astype(np.int64))


def step(name: str, day: float, /, **own: object) -> Body:
    at = iso(START_MS + int(day * DAY_MS))
    own |= {"event_id": f"{name} {day}", "customer_id": "c", "occurred_at": at}
    return {"type": name, **own}


SILENCE = st.lists(st.one_of(st.floats(0.0, 400.0), st.floats(0.0, 10_000.0)), min_size=2, max_size=8)


@given(model=models(), found=bodies(max_size=60, refs=3), days=SILENCE)
@example(  # failed payments fade, and with them the risk would
    model=SHIPPED,
    found=[
        step("purchase", 0, amount=9, currency="EUR"),
        step("payment", 1, status="failed"),
    ],
    days=[0.0, 60.0, 600.0],
)
@example(  # engagement falls, and then there is too little of it to see a fall
    model=SHIPPED,
    found=[
        step("purchase", 0, amount=9, currency="EUR"),
        *(step("engagement", day, kind="visit") for day in range(8)),
    ],
    days=[0.0, 30.0, 90.0, 150.0, 400.0],
)
@example(  # a failure is forgotten
    model=SHIPPED,
    found=[
        step("purchase", 0, amount=9, currency="EUR"),
        step("incident", 1, kind="outage", severity="critical"),
    ],
    days=[0.0, 180.0, 1800.0],
)
@settings(max_examples=100)
def test_risk_never_falls_in_silence(model: Parameters, found: list[Body], days: list[float]) -> None:
    """No declared term falls, nor does the sum with the purchase model; a fitted contract has its own law."""
    terms, contractual = terms_at(model, found, sorted(days))
    slack = 1e-9 * np.maximum(1.0, np.abs(terms).sum(axis=2))
    assert (np.diff(terms[:, :, SERVICE], axis=0) >= -slack[1:, :, None]).all()
    if model.churn.contract is not None:
        terms, slack = terms[:, ~contractual], slack[:, ~contractual]
    assert (np.diff(terms.sum(axis=2), axis=0) >= -slack[1:]).all()


def test_engagement_that_stops_still_raises_the_risk() -> None:
    """Not frozen: with nothing heard a fall shows itself week by week until it is whole, and stays."""
    found = [
        step("purchase", 200, amount=9, currency="EUR"),
        *(step("engagement", day, kind="visit") for day in range(0, 200, 2)),
    ]
    fall = terms_at(SHIPPED, found, [14.0, 21.0, 28.0, 42.0, 56.0, 365.0, 3650.0])[0]
    fall = fall[:, 0, TERMS.index("engagement_fall")]
    assert (np.diff(fall)[:5] > 0.0).all()
    assert fall[-1] == fall[-2] == SHIPPED.risk.engagement_fall * 3.0


def test_praise_that_fades_raises_the_risk_down_to_the_base_rate() -> None:
    """Trust that nothing renews protects less and less, in the end not at all, and never accuses."""
    found = [step("purchase", 0, amount=9, currency="EUR"), step("review", 1, rating=5)]
    blamed = step("incident", 1, kind="outage", severity="minor")
    for history in (found, [*found, blamed]):
        term = terms_at(SHIPPED, history, [0.0, 365.0, 3650.0])[0][:, 0, TERMS.index("trust")]
        assert term[0] < term[1] <= term[2] <= 0.0
        assert term[2] > -0.01


def test_word_of_the_customer_ends_the_silence_and_our_own_amends_do_not() -> None:
    """A survey lets old failures fade; an apology lowers no risk (de Matos 2007), nor does a profile."""
    past = [
        step("purchase", 0, amount=9, currency="EUR"),
        step("payment", 1, status="failed"),
        step("incident", 1, kind="outage", severity="critical"),
    ]

    def risk(*more: Body) -> float:
        end = step("purchase", 300, amount=9, currency="EUR") | {"customer_id": "other"}
        return float(terms_at(SHIPPED, [*past, *more, end], [1.0])[0][0, 0].sum())

    assert risk(step("recovery", 299, kind="apology")) == risk() == risk(step("profile", 299, tier="gold"))
    assert risk(step("survey", 299, instrument="csat", score=3)) < risk()
