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
from stream.model.trust import ALL_CAUSES, LastHeard, trust

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
    assert trust(good, bad, model).unforgotten == pytest.approx(without, abs=1e-9)


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


HALF_LIVES = np.random.default_rng(1).uniform(30.0, 3650.0, K - 2)


def at(good: Floats, bad: Floats, model: Trust, days: float) -> Floats:
    """Trust after so many days of silence, from evidence as it was at the last event."""
    left = np.exp2(-days / np.append(HALF_LIVES, [np.inf, np.inf]))
    return trust(good * left, bad * left, model, LastHeard(np.full(len(good), days), good, bad)).trust


@given(good=EVIDENCE, bad=EVIDENCE, model=MODELS, days=st.floats(0.0, 20_000.0))
def test_silence_lifts_trust_no_higher_than_it_was_nor_above_the_base(
    good: Floats, bad: Floats, model: Trust, days: float
) -> None:
    """Whatever is forgotten first: never above the last event's trust and the base rate, where it ends."""
    good[:, K - 2 :] = 0.0  # promises that are overdue say nothing for us
    base, last = 100.0 * model.base_rate, at(good, bad, model, 0.0)
    assert last == pytest.approx(trust(good, bad, model).trust)
    assert (at(good, bad, model, days) <= np.maximum(base, last) + 1e-9).all()
    overdue = bad[:, K - 2 :].sum(axis=1) > 0.0
    assert at(good, bad, model, 1e7)[~overdue] == pytest.approx(base, abs=1e-6)


def test_praise_that_outlives_a_failure_does_not_speak_in_silence() -> None:
    """Five stars fade over a year, a late ticket in a season: trust comes back to the base and stays."""
    good, bad = np.zeros((1, K)), np.zeros((1, K))
    good[0, ALL_CAUSES.index("review")], bad[0, ALL_CAUSES.index("ticket")] = 1.0, 1.0
    half_lives = np.array([365.0 if cause == "review" else 90.0 for cause in ALL_CAUSES[: K - 2]])
    seen = []
    for days in (0.0, 90.0, 400.0, 2000.0):
        left = np.exp2(-days / np.append(half_lives, [np.inf, np.inf]))
        scores = trust(good * left, bad * left, SHIPPED, LastHeard(np.array([days]), good, bad))
        assert scores.contributions.sum() + 50.0 == pytest.approx(scores.trust[0], abs=1e-9)
        seen.append(float(scores.trust[0]))
    assert seen[0] < 50.0
    assert max(seen) <= 50.0 + 1e-9
    assert seen[2:] == pytest.approx([50.0, 50.0])


@given(good=EVIDENCE, bad=EVIDENCE, model=MODELS, more=st.floats(1.0, 5.0))
def test_parameters_of_belief_have_their_direction(
    good: Floats, bad: Floats, model: Trust, more: float
) -> None:
    """A greater negative weight never raises trust, a higher base rate never lowers it, without recovery."""
    good[:, RECOVERY] = 0.0
    harsher = replace(model, negative_weight=model.negative_weight * more)
    kinder = replace(model, base_rate=1.0 - (1.0 - model.base_rate) / more)
    now = trust(good, bad, model).trust
    assert (trust(good, bad, harsher).trust <= now + 1e-9).all()
    assert (trust(good, bad, kinder).trust >= now - 1e-9).all()
