"""Laws of trust: exact contributions, bounds, capped recovery."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from msgspec.structs import replace

from stream.model import parameters
from stream.model.columns import Floats
from stream.model.parameters import Trust
from stream.model.trust import ALL_CAUSES, trust

SHIPPED = parameters.load().trust
K = len(ALL_CAUSES)
RECOVERY = ALL_CAUSES.index("recovery")
AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-6, 1e4))
EVIDENCE = hnp.arrays(np.float64, (3, K), elements=AMOUNTS)
MODELS = st.builds(
    lambda base, prior, negative: replace(
        SHIPPED, base_rate=base, prior_weight=prior, negative_weight=negative
    ),
    st.floats(0.01, 0.99),
    st.floats(0.1, 50.0),
    st.floats(0.1, 10.0),
)


@given(good=EVIDENCE, bad=EVIDENCE, model=MODELS)
def test_contributions_sum_to_the_distance_from_the_base(good: Floats, bad: Floats, model: Trust) -> None:
    """Trust = 100a + the sum of its contributions, to 1e-9; and it stays within 0-100."""
    scores = trust(good, bad, model)
    assert scores.contributions.sum(axis=1) + 100.0 * model.base_rate == pytest.approx(scores.trust, abs=1e-9)
    assert ((scores.trust >= 0.0) & (scores.trust <= 100.0)).all()
    assert ((scores.uncertainty > 0.0) & (scores.uncertainty <= 1.0 + 1e-12)).all()


@given(MODELS)
def test_nothing_known_is_the_base_rate(model: Trust) -> None:
    """Without evidence trust is the base rate and uncertainty is whole."""
    scores = trust(np.zeros((1, K)), np.zeros((1, K)), model)
    assert scores.trust[0] == pytest.approx(100.0 * model.base_rate)
    assert scores.uncertainty[0] == pytest.approx(1.0, abs=1e-12)
    assert (scores.contributions == 0.0).all()


@given(good=EVIDENCE, bad=EVIDENCE, model=MODELS)
def test_recovery_never_buys_more_than_was_lost(good: Floats, bad: Floats, model: Trust) -> None:
    """Trust with recovery lies between its level without the recovery and its level without the failures."""
    blameless = bad.copy()
    for cause in (
        "delivery",
        "ticket",
        "complaint",
        "incident",
        "breach",
        "delivery_overdue",
        "ticket_overdue",
    ):
        blameless[:, ALL_CAUSES.index(cause)] = 0.0
    unrecovered = good.copy()
    unrecovered[:, RECOVERY] = 0.0
    now = trust(good, bad, model).trust
    assert (now <= trust(unrecovered, blameless, model).trust + 1e-9).all()
    without = trust(unrecovered, bad, model).trust
    assert (now >= without - 1e-9).all()
    assert trust(good, bad, model).unrecovered == pytest.approx(without, abs=1e-9)


def test_recovery_of_an_innocent_changes_nothing() -> None:
    """An apology without a failure of ours is no evidence."""
    good = np.zeros((1, K))
    good[0, RECOVERY] = 10.0
    assert trust(good, np.zeros((1, K)), SHIPPED).trust[0] == 100.0 * SHIPPED.base_rate


@given(good=EVIDENCE, bad=EVIDENCE, k=st.integers(0, K - 1), more=st.floats(0.001, 100.0))
def test_more_evidence_moves_trust_its_way(good: Floats, bad: Floats, k: int, more: float) -> None:
    """Good evidence never lowers trust, bad never raises it; without recovery either lowers uncertainty."""
    before = trust(good, bad, SHIPPED)
    up, down = good.copy(), bad.copy()
    up[:, k] += more
    down[:, k] += more
    better, worse = trust(up, bad, SHIPPED), trust(good, down, SHIPPED)
    assert (better.trust >= before.trust - 1e-9).all()
    assert (worse.trust <= before.trust + 1e-9).all()
    if not good[:, RECOVERY].any():
        assert (better.uncertainty <= before.uncertainty + 1e-12).all()
        assert (worse.uncertainty <= before.uncertainty + 1e-12).all()


def test_bad_news_weigh_more() -> None:
    """One unit against us moves trust further than one unit for us."""
    one, none = np.zeros((1, K)), np.zeros((1, K))
    one[0, 0] = 1.0
    up, down = trust(one, none, SHIPPED).trust[0] - 50.0, 50.0 - trust(none, one, SHIPPED).trust[0]
    assert down > up > 0.0


def test_arguments_are_left_alone() -> None:
    """Scoring writes to nothing that it was given."""
    good, bad = np.ones((2, K)), np.ones((2, K))
    for array in (good, bad):
        array.flags.writeable = False
    trust(good, bad, SHIPPED)
