"""Loyalty type, lifetime value, segment percentile: by hand, by simulation, by counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.derived import LOYALTY, NO_VALUE, active, loyalty, most_value, percentile, value
from stream.model.parameters import Parameters, Spend
from stream.model.risk import RiskFacts

SHIPPED = parameters.load()
CDNOW = replace(SHIPPED, derived=replace(SHIPPED.derived, spend=Spend(6.25, 3.74, 15.44)))
TODAY = 12_000


def facts(
    days: list[int], amount: float = 100.0, last: int = TODAY - 10, first: int = TODAY - 300
) -> RiskFacts:
    """Customers with so many purchase days, the first and the last of which are given."""
    n = len(days)
    zero, no = np.zeros(n), np.zeros(n, np.bool_)
    count = np.array(days)
    return RiskFacts(
        purchase_days=count,
        first_day=np.where(count > 0, first, -1.0),
        last_day=np.where(count > 1, last, np.where(count > 0, first, -1.0)),
        amount_e4=np.rint(count * amount * 10_000).astype(np.int64),
        overdue=np.zeros(n, np.int64),
        payment_failures=zero,
        engagement_short=zero,
        engagement_long=zero,
        unsubscribed=no,
        contractual=no.copy(),
        cancel_requested=no.copy(),
        ended=no.copy(),
        term_end_ms=np.zeros(n, np.int64),
        first_ms=np.full(n, now_ms(first)),
        renewed_ms=np.zeros(n, np.int64),
    )


def now_ms(day: int = TODAY) -> int:
    return EPOCH_1990_MS + day * MS_PER_DAY


def worth(
    known: RiskFacts, model: Parameters = SHIPPED, day: int = TODAY, mixed: bool = False
) -> tuple[float, str]:
    found, reason = value(known, np.full(len(known.purchase_days), mixed), now_ms(day), model)
    return float(found[0]), NO_VALUE[reason[0]]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(0, 290), st.floats(0.0, 500.0))
def test_value_is_never_above_its_bound(days: list[int], ago: int, amount: float) -> None:
    """With and without Gamma-Gamma; the bound is what somebody would buy who is active and stays."""
    known = facts(days, amount, last=TODAY - ago)
    for model in (SHIPPED, CDNOW):
        found, _reason = value(known, np.zeros(len(days), np.bool_), now_ms(), model)
        bound = most_value(known, now_ms(), model)
        assert (np.nan_to_num(found) <= bound * (1.0 + 1e-9) + 1e-9).all()


def test_bound_of_value_is_close_for_who_stays() -> None:
    """A regular who bought today is nearly worth it; nobody is worth more than nothing without a purchase."""
    known = facts([40, 0], last=TODAY)
    bound = most_value(known, now_ms(), SHIPPED)
    assert 0.7 * bound[0] < worth(facts([40], last=TODAY))[0] < bound[0]
    assert bound[1] == 0.0


def test_the_four_types_of_loyalty() -> None:
    """Dick & Basu's square, corners included; no type without patronage, or without knowledge."""
    limit, stays = SHIPPED.derived.loyalty_trust, SHIPPED.derived.loyalty_active
    trust = np.array([limit, 90.0, limit - 0.01, 10.0, 90.0, 50.0])
    p = np.array([stays, 0.2, 0.9, 0.1, np.nan, 0.9])
    doubt = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.99])
    kinds = [LOYALTY[k] if k >= 0 else None for k in loyalty(trust, doubt, p, SHIPPED.derived)]
    assert kinds == ["true", "latent", "spurious", "none", None, None]


def test_subscribers_are_active_until_they_cancel() -> None:
    """P(active) of a contract is 1 or 0, of a buyer between, of nobody absent."""
    known = facts([0, 0, 3, 0])
    known.contractual[:2] = True
    known.cancel_requested[1] = True
    found = active(known, now_ms(), SHIPPED)
    assert found[:2].tolist() == [1.0, 0.0]
    assert 0.0 < found[2] < 1.0
    assert np.isnan(found[3])


def test_value_falls_in_silence_and_grows_with_purchases() -> None:
    """The longer nobody buys the less is expected; of two equal silences the buyer of more is worth more."""
    silent = [worth(facts([5]), day=TODAY + k)[0] for k in (0, 30, 100, 400)]
    assert silent == sorted(silent, reverse=True)
    more = [worth(facts([n]))[0] for n in (2, 5, 10)]
    assert more == sorted(more)
    assert min(silent + more) > 0.0


@given(amount=st.floats(1.0, 1e6))
def test_value_without_a_fit_is_in_the_unit_of_the_amounts(amount: float) -> None:
    """Ten times the amounts, ten times the value: nothing is assumed of a currency."""
    assert worth(facts([4], 10.0 * amount))[0] == pytest.approx(10.0 * worth(facts([4], amount))[0], rel=1e-5)


def test_fitted_spend_pulls_the_mean_to_the_population() -> None:
    """Gamma-Gamma: a customer of few large purchases is worth less than his own mean, of small ones more."""
    for amount, pulled in ((500.0, -1), (1.0, 1)):
        gap = worth(facts([2], amount), CDNOW)[0] - worth(facts([2], amount))[0]
        assert np.sign(gap) == pulled
    few, many = (worth(facts([n], 500.0), CDNOW)[0] / worth(facts([n], 500.0))[0] for n in (2, 40))
    assert few < many < 1.0


def test_value_is_what_simulated_customers_spend() -> None:
    """Customers drawn from the MBG/NBD with a known mean: those with one history spend what is expected."""
    mbg, rng, n = SHIPPED.churn.mbg, np.random.default_rng(3), 400_000
    rate, drop = rng.gamma(mbg.r, 1.0 / mbg.alpha, n), rng.beta(mbg.a, mbg.b, n)
    alive = rng.random(n) >= drop  # may leave right after the first purchase
    time, bought, later, last = np.zeros(n), np.zeros(n, int), np.zeros(n, int), np.zeros(n)
    age, horizon = 20.0, 365.0 / 7.0
    for _ in range(400):
        time = time + rng.exponential(1.0 / rate)
        going = alive & (time <= age + horizon)
        early = going & (time <= age)
        bought += early
        last = np.where(early, time, last)
        later += going & (time > age)
        alive = going & (rng.random(n) >= drop)
        if not alive.any():
            break
    for x, low, high in ((0, 0.0, 0.1), (2, 10.0, 14.0)):
        chosen = (bought == x) & (last >= low) & (last < high)
        assert chosen.sum() > 2_000
        first = TODAY - round(age * 7)
        middle = last[chosen].mean() * 7
        expected = worth(facts([x + 1], 30.0, last=first + round(middle), first=first))[0]
        error = 30.0 * later[chosen].std() / np.sqrt(chosen.sum())
        assert expected == pytest.approx(30.0 * later[chosen].mean(), abs=4 * error)


def test_value_says_why_it_is_absent() -> None:
    """Never bought, several currencies, a contract: no number is made up."""
    contract = facts([3])
    contract.contractual[:] = True
    absent = [worth(facts([0])), worth(facts([3]), mixed=True), worth(contract)]
    assert [reason for _, reason in absent] == ["no_purchase", "several_currencies", "contract"]
    assert all(np.isnan(found) for found, _ in absent)
    assert worth(facts([3]))[1] == ""


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.1, 0.2, 0.5, np.nan])), max_size=40))
def test_percentile_counts_who_is_below(people: list[tuple[int, float]]) -> None:
    """Within the group, ties half; whoever has no risk neither has a place nor takes one."""
    group = np.array([g for g, _ in people], np.int64)
    risk = np.array([r for _, r in people], np.float64)
    for (g, r), found in zip(people, percentile(risk, group), strict=True):
        others = [q for h, q in people if h == g and not np.isnan(q)]
        if np.isnan(r):
            assert np.isnan(found)
        else:
            below = sum(q < r for q in others) + sum(q == r for q in others) / 2
            assert found == pytest.approx(100.0 * below / len(others))
