"""The low-review model: the optimum it claims, contributions that are the score, what its inputs mean."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from stream.model.dissatisfaction import (
    DRIVERS,
    FEATURES,
    KNOTS,
    Dissatisfaction,
    OrderFacts,
    features,
    log_odds_of_rate,
)


def facts(**given: float) -> OrderFacts:
    """One order that came three days early, changed as told."""
    usual = {
        "arrived": 1.0, "shipped": 1.0, "failed": 0.0, "overdue_days": -3.0, "promise_days": 20.0,
        "lead_days": 17.0, "handling_days": 2.0, "transit_days": 15.0, "items": 1.0, "sellers": 1.0,
        "value": 100.0, "freight_share": 0.1, "seller_low": -1.5, "seller_late": -2.0, "seller_answers": 5.0,
    } | given  # fmt: skip
    assert set(usual) == {each.name for each in fields(OrderFacts)}
    flags = ("arrived", "shipped", "failed")
    return OrderFacts(**{k: np.array([v], bool if k in flags else float) for k, v in usual.items()})


@given(st.integers(0, 2**31))
def test_contributions_sum_to_the_log_odds(seed: int) -> None:
    """Intercept plus contributions is the log-odds, whatever the inputs; every input has one driver."""
    chance = np.random.default_rng(seed)
    model = Dissatisfaction(chance.normal(size=4), chance.normal(size=4), float(chance.normal()))
    new = chance.normal(size=(20, 4)) * 100.0
    whole = model.intercept + model.contributions(new).sum(axis=1)
    assert whole == pytest.approx(model.log_odds(new), abs=1e-9)
    assert expit(whole) == pytest.approx(model.probability(new), abs=1e-12)


def test_every_feature_belongs_to_one_driver() -> None:
    """The drivers' shares of a score are all of it, and none is counted twice."""
    assert sum(len(names) for names in DRIVERS.values()) == len(set(FEATURES)) == len(FEATURES)
    assert features(facts()).shape == (1, len(FEATURES))


@pytest.mark.parametrize("days", [-40.0, -15.0, -5.0, 0.0, 1.0, 3.0, 8.0, 30.0])
def test_lateness_enters_as_a_spline(days: float) -> None:
    """Each hinge is the days beyond its knot; of what is not there yet there is a second spline."""
    for arrived in (1.0, 0.0):
        row = dict(zip(FEATURES, features(facts(overdue_days=days, arrived=arrived))[0], strict=True))
        for knot in KNOTS:
            assert row[f"overdue_over_{knot:g}"] == max(0.0, days - knot)
            assert row[f"missing_over_{knot:g}"] == (1.0 - arrived) * max(0.0, days - knot)
        assert row["past_promise"] == float(days > 0)
        assert row["missing_past_promise"] == (1.0 - arrived) * float(days > 0)


def test_inputs_are_finite_at_the_extremes() -> None:
    """Ten years late, free, ordered in the future: still numbers."""
    for extreme in ({"overdue_days": 3650.0}, {"value": 0.0, "freight_share": 0.0}, {"lead_days": -5.0}):
        assert np.isfinite(features(facts(**extreme))).all()


def test_rate_of_a_seller_is_shrunk_to_that_of_all() -> None:
    """Without cases the common rate; with many its own; between, ten imagined cases."""
    zero, common = np.zeros(1), np.array([0.2])
    assert expit(log_odds_of_rate(zero, zero, common)) == pytest.approx([0.2])
    assert expit(log_odds_of_rate(np.array([5.0]), np.array([10.0]), common)) == pytest.approx([7 / 20])
    assert expit(log_odds_of_rate(np.array([5e5]), np.array([1e6]), common)) == pytest.approx([0.5], abs=1e-4)
