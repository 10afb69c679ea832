"""A fit on any history: what cannot be learnt is said, met with a prior or left as it was; never a crash."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from schemas.interaction import Interaction, Purchase, Subscription
from stream.errors import ConfigError
from stream.model import parameters
from stream.model.layer import log_odds_terms
from stream.model.parameters import Mbg
from stream.model.toml import render
from stream.offline.fit import Fit, fit
from stream.offline.fit_btyd import PRIOR, Histories, degenerate, fit_mbg, fit_nbd, fit_spend
from stream.offline.fit_layer import plan
from stream.offline.generate import generate
from stream.offline.mle import Estimate
from stream.offline.panel import Panel, day_of, panel_of

SHIPPED = parameters.load()
START = datetime(2024, 1, 1, 12, tzinfo=UTC)
FIRST = day_of(int(START.timestamp() * 1000))
UNTIL = FIRST + 364


def purchase(customer: object, day: int, amount: float = 20.0, currency: str = "EUR") -> Purchase:
    return Purchase(
        event_id=f"{customer}-{day}-{currency}",
        customer_id=str(customer),
        occurred_at=START + timedelta(days=day),
        amount=amount,
        currency=currency,
    )


def shop(
    n: int, seed: int = 1, days: int = 365, leaving: float = 0.25, gap: float = 30.0, regularity: float = 1.0
) -> list[Interaction]:
    """Customers who buy at rates of their own and, after each purchase, may leave for good."""
    chance = np.random.default_rng(seed)
    events: list[Interaction] = []
    for customer in range(n):
        at, rate = float(chance.uniform(0, days * 0.4)), chance.gamma(1.0, 1 / gap)
        spends = float(chance.gamma(4.0, 10.0))
        while at < days:
            events.append(purchase(customer, int(at), round(spends * chance.gamma(5.0, 0.2), 2)))
            if chance.random() < leaving:
                break
            at += chance.gamma(regularity, 1.0 / (rate * regularity)) + 1.0
    return events


def fitted(events: Sequence[Interaction], until: int = UNTIL, horizon: int = 90) -> Fit:
    return fit(panel_of(events), until, horizon, SHIPPED, references=False)


def says(found: Fit, text: str) -> bool:
    return any(text in warning for warning in found.warnings)


def test_enough_customers_get_a_layer_without_warning() -> None:
    """Six hundred customers, a year of history: everything is fitted, the file loads as it was."""
    found = fitted(shop(600))
    layer = found.parameters.churn.layer
    assert layer is not None
    assert found.warnings == []
    assert layer.horizon_days == found.parameters.churn.horizon_days == 90
    assert not layer.extrapolated
    assert parameters.parse(render(found.parameters)) == found.parameters
    assert found.parameters.statistics_hash == SHIPPED.statistics_hash


@pytest.mark.parametrize("n", [0, 1, 9])
def test_too_few_customers_keep_the_given_model(n: int) -> None:
    """An empty history, one customer, nine: what is missing is said, and the shipped model is in the file."""
    found = fitted(shop(n))
    assert says(found, f"{n} customers had bought by")
    assert says(found, "10 are needed to fit the purchase model and 100 for the layer")
    assert found.parameters.churn.mbg == SHIPPED.churn.mbg
    assert found.parameters.churn.layer is None
    assert parameters.parse(render(found.parameters)) == found.parameters


def test_some_customers_meet_a_prior() -> None:
    """Between ten and a hundred: MBG/NBD with a prior, no layer; the mode lies between prior and data."""
    found = fitted(shop(40))
    assert says(found, "40 customers: MBG/NBD is met with a prior, and 100 are needed for the layer")
    assert found.parameters.churn.layer is None
    assert found.parameters.churn.mbg != SHIPPED.churn.mbg


def test_few_customers_get_a_layer_with_a_warning() -> None:
    """A hundred and fifty are enough to be useful and too few to be sure."""
    found = fitted(shop(150))
    assert found.parameters.churn.layer is not None
    assert says(found, "150 customers are few")


def test_prior_holds_what_the_data_do_not_say() -> None:
    """With one history the mode is near the prior's centre; with ten thousand alike it is the data's."""
    one = np.ones(1)
    near = fit_mbg(Histories(2 * one, 20 * one, 30 * one, one), PRIOR)
    assert np.abs(np.log(near.values) - PRIOR.mean).max() < 1.5 * PRIOR.sd.max()
    known = Histories(
        np.array([0.0, 3.0]), np.array([0.0, 25.0]), np.array([30.0, 30.0]), np.array([6e3, 4e3])
    )
    with_prior, without = fit_mbg(known, PRIOR), fit_mbg(known)
    assert with_prior.log_likelihood == pytest.approx(without.log_likelihood, abs=5.0)
    assert with_prior.log_likelihood <= without.log_likelihood + 1e-6


def test_nobody_who_leaves_is_a_degenerate_fit() -> None:
    """Buyers who never drop out: named, met with a prior, and the layer takes the NBD instead."""
    found = fitted(shop(400, leaving=0.0))
    assert says(found, "MBG/NBD is degenerate")
    layer, mbg = found.parameters.churn.layer, found.parameters.churn.mbg
    assert layer is not None
    assert layer.coefficient.mbg == 0.0
    assert 0.001 < mbg.a / (mbg.a + mbg.b) < 0.5
    assert found.report["models"]["mbgnbd"]["degenerate"]


def test_degenerate_by_gain_and_by_dropout() -> None:
    """Two points of log-likelihood; ten, where the mean probability of dropping out is below .005."""

    def estimate(a: float, b: float, log_likelihood: float) -> Estimate:
        values, names = np.array([1.0, 5.0, a, b]), ("r", "alpha", "a", "b")
        return Estimate(names, values, values, log_likelihood, converged=True, agreeing=4, starts=4)

    nbd = estimate(1.0, 1.0, -1000.0)
    assert degenerate(estimate(1.0, 10.0, -998.1), nbd)
    assert not degenerate(estimate(1.0, 10.0, -997.9), nbd)
    assert degenerate(estimate(1.0, 300.0, -991.0), nbd)
    assert not degenerate(estimate(1.0, 300.0, -989.0), nbd)


def test_invented_buyers_who_never_leave_are_degenerate() -> None:
    """NBD's own customers: dropping out adds nothing."""
    chance = np.random.default_rng(3)
    age = np.full(400, 52.0)
    x = chance.poisson(chance.gamma(1.0, 0.1, 400) * 52.0).astype(np.float64)
    t_x = np.where(x > 0, age * chance.random(400) ** (1.0 / np.maximum(x, 1.0)), 0.0)
    known = Histories(x, t_x, age, np.ones(400))
    assert degenerate(fit_mbg(known), fit_nbd(known))


def test_all_customers_identical() -> None:
    """The same day, the same amount, nobody ever came back: a fit, warnings, and no layer."""
    found = fitted([purchase(i, 10) for i in range(300)])
    assert says(found, "no layer was fitted: in its training windows")
    assert says(found, "degenerate")
    assert parameters.parse(render(found.parameters)) == found.parameters


def test_all_amounts_identical_say_nothing() -> None:
    """One price for everybody: the amount has no coefficient, the rest is fitted."""
    events = [purchase(e.customer_id, (e.occurred_at - START).days) for e in shop(300)]
    layer = fitted(events).parameters.churn.layer
    assert layer is not None
    assert layer.coefficient.amount == 0.0
    assert layer.usual.amount == 0.0


def test_everybody_stays_has_nothing_to_learn() -> None:
    """Outcomes of one kind only: which are missing is said."""
    events = [purchase(i, day) for i in range(150) for day in range(i % 7, 365, 7)]
    found = fitted(events)
    assert says(found, "0 customers stayed away")
    assert found.parameters.churn.layer is None


def test_daily_buyers_and_a_long_horizon_stay_inside_the_file() -> None:
    """Log-odds of minus hundreds are numbers like any other: finite, and the file loads."""
    chance = np.random.default_rng(8)
    events = [
        purchase(i, day)
        for i in range(120)
        for day in range(int(chance.integers(0, 60)), int(chance.integers(100, 500)))
        if chance.random() < 0.9 and day < 365
    ]
    found = fitted(events, horizon=180)
    assert parameters.parse(render(found.parameters)) == found.parameters
    layer = found.parameters.churn.layer
    assert layer is not None
    rfm = panel_of(events).at(UNTIL)
    amount = rfm.amount / rfm.n_days
    terms = log_odds_terms(rfm.x, rfm.t_x, rfm.T, amount, layer, found.parameters.churn.mbg)
    assert np.isfinite(terms).all()


def test_horizon_longer_than_the_history_is_extrapolated() -> None:
    """The half on recency and age is left out, the file says so, and it still loads."""
    found = fitted(shop(400), horizon=700)
    layer = found.parameters.churn.layer
    assert layer is not None
    assert layer.extrapolated
    assert layer.coefficient.age == layer.coefficient.amount == 0.0
    assert says(found, "longer than the 365 days of history")
    assert says(found, "shorten --horizon-days to 365")


def test_later_purchases_change_nothing() -> None:
    """A planted future, the same customers and new ones, leaves every digit as it was."""
    events = shop(300, days=250)
    until = FIRST + 240
    known = [e for e in events if (e.occurred_at - START).days <= 240]
    future = [*events, *(purchase(i, 241 + i % 100, 9999.0) for i in range(500))]
    one, other = (fit(panel_of(each), until, 60, SHIPPED, references=False) for each in (known, future))
    assert one.parameters == other.parameters


def test_order_and_duplicates_change_nothing() -> None:
    """The file shuffled, and every third line twice: the same parameters."""
    events = shop(200)
    shuffled = [*events, *events[::3]]
    np.random.default_rng(5).shuffle(shuffled)
    one, other = fitted(events), fitted(shuffled)
    left, right = one.parameters.churn, other.parameters.churn
    assert left.mbg == right.mbg
    assert left.layer is not None
    assert right.layer is not None
    assert left.layer.base == pytest.approx(right.layer.base, abs=1e-9)
    assert left.layer.coefficient.mbg == pytest.approx(right.layer.coefficient.mbg, abs=1e-9)


def test_contracts_are_left_out() -> None:
    """Who has a contract by then is not learnt from; before it, like anybody."""
    events: list[Interaction] = shop(300)
    who = {event.customer_id for event in events}
    contracts = [
        Subscription(
            event_id=f"s-{i}",
            customer_id=name,
            occurred_at=START + timedelta(days=300),
            subscription_id="s",
            status="started",
        )
        for i, name in enumerate(sorted(who)[:50])
    ]
    found = fitted([*events, *contracts])
    assert found.report["customers_with_contract"] == 50
    assert found.report["customers"] == 250


def test_currencies_are_said() -> None:
    """Several currencies are a warning with counts: amounts are bare numbers."""
    found = fitted([*shop(120), purchase(0, 300, 5.0, "JPY")])
    assert says(found, "several currencies")
    assert says(found, "1 customers in more than one")


def test_amounts_of_many_currencies_get_no_coefficient() -> None:
    """With a tenth of the purchases in another unit a sum says nothing; what comes later decides nothing."""
    events = shop(300)
    mixed = [
        purchase(e.customer_id, (e.occurred_at - START).days, e.amount, "JPY") if i % 10 == 0 else e
        for i, e in enumerate(e for e in events if isinstance(e, Purchase))
    ]
    found = fitted(mixed)
    layer = found.parameters.churn.layer
    assert layer is not None
    assert layer.coefficient.amount == 0.0
    assert says(found, "amounts cannot be compared")
    until = FIRST + 200
    late = [purchase(i, 250, 1e6, "JPY") for i in range(900)]
    one, other = (fitted([*events, *more], until=until, horizon=60) for more in ([], late))
    assert one.parameters == other.parameters


def test_time_after_the_last_event_is_not_silence() -> None:
    """Asked for a day after the file ends, it learns until the file ends, and says so."""
    events = shop(200)
    last = panel_of(events).last_day
    found = fitted(events, until=last + 500)
    assert says(found, "the last event is of")
    assert found.parameters == fitted(events, until=last).parameters


@pytest.mark.parametrize("horizon", [0, -1, 4000])
def test_horizon_outside_its_domain_is_refused(horizon: int) -> None:
    """With an example of a good one."""
    with pytest.raises(ConfigError) as refused:
        fitted(shop(20), horizon=horizon)
    assert refused.value.hint


def test_windows_end_before_the_origin() -> None:
    """Each window's outcomes are known by then; short histories have fewer of them."""
    for history in (1, 5, 40, 273, 1000):
        for horizon in (1, 30, 273, 2000):
            for o, h in plan(history, horizon):
                assert 0 < o < history
                assert 0 < h <= horizon
                assert o + h <= history
    assert plan(273, 273) == [(136, 137), (104, 169)]
    assert plan(1000, 100)[0] == (909, 91)
    assert (900, 100) in plan(1000, 100)


def test_simulated_parameters_are_found_again() -> None:
    """4,000 customers drawn from MBG/NBD: the truth lies within four standard errors of the estimates."""
    truth = Mbg(r=0.8, alpha=6.0, a=0.9, b=2.5)
    chance = np.random.default_rng(11)
    rows = []
    for _ in range(4000):
        rate, leaves = chance.gamma(truth.r, 1 / truth.alpha), chance.beta(truth.a, truth.b)
        age, at, x, t_x = 52.0, 0.0, 0, 0.0
        while chance.random() > leaves:  # MBG: a chance to drop out after the first purchase too
            at += chance.exponential(1 / rate)
            if at > age:
                break
            x, t_x = x + 1, at
        rows.append((x, t_x, age))
    x_, t_x_, age_ = np.array(rows, np.float64).T
    found = fit_mbg(Histories(x_, t_x_, age_, np.ones(4000)))
    assert (np.abs(found.values - [truth.r, truth.alpha, truth.a, truth.b]) < 4.0 * found.se).all()


def test_spend_parameters_are_found_again() -> None:
    """The same of Gamma-Gamma."""
    chance = np.random.default_rng(12)
    x = chance.integers(1, 9, 4000).astype(np.float64)
    scale = chance.gamma(4.0, 1 / 15.0, 4000)
    mean = chance.gamma(6.0 * x, 1 / (scale * x))
    found = fit_spend(x, mean)
    assert (np.abs(found.values - [6.0, 4.0, 15.0]) < 4.0 * found.se).all()


def test_generated_histories_can_be_fitted() -> None:
    """Invented traffic of all types, some of it contracts: a model, and it loads."""
    history = generate(400, 300, seed=5, end_ms=int((START + timedelta(days=400)).timestamp() * 1000))
    panel: Panel = panel_of(history.events)
    found = fit(panel, panel.last_day, 60, SHIPPED)
    assert found.parameters.churn.layer is not None
    assert parameters.parse(render(found.parameters)) == found.parameters
    assert set(found.report["models"]) >= {"mbgnbd", "nbd", "bgnbd", "pareto_nbd", "gamma_gamma"}
