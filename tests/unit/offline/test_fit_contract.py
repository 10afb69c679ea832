"""The fitted hazard of a contract's end: what is known is found again, what cannot be said is said."""

import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from scipy.special import expit

from schemas.codec import encode
from schemas.interaction import Engagement, Interaction, Payment, Purchase, Subscription
from stream.model import parameters
from stream.model.parameters import Contract, Parameters
from stream.model.risk import churn_risk
from stream.model.score import trust_of
from stream.model.toml import render
from stream.offline.contract_panel import ContractPanel, contract_panel_of, end_of, outcomes
from stream.offline.fit import fit
from stream.offline.fit_contract import ContractFit, declared, fit_contract
from stream.offline.metrics import auc
from stream.offline.panel import read_panel
from tests.lives import DAY_0, MONTH, at, monthly_contracts, snapshot

SHIPPED = parameters.load()
DECLARED = declared(SHIPPED.risk)
SNAPSHOT = DAY_0 + 3_000


def with_contract(contract: Contract | None, horizon_days: int) -> Parameters:
    return replace(SHIPPED, churn=replace(SHIPPED.churn, contract=contract, horizon_days=horizon_days))


def risk_on(
    panel: ContractPanel, day: int, model: Parameters, customers: Any = None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Churn risk on a day, in the order of `customers`, everybody by default."""
    ((known, facts),) = panel.facts([day], model)
    level = trust_of(facts, model).unforgotten
    risk = np.full(len(panel.keys), np.nan)
    risk[known] = churn_risk(facts.risk, level, end_of(day), model).churn_risk
    return risk if customers is None else risk[customers]


def judged(panel: ContractPanel, day: int, horizon: int, fit: ContractFit) -> tuple[float, float, float]:
    """(AUC, mean risk, share that ended) of a fit in the days after its origin."""
    result = outcomes(panel, day, horizon)
    risk = risk_on(panel, day, with_contract(fit.contract, horizon), result.customers)
    return auc(result.ended, risk), float(risk.mean()), float(result.ended.mean())


TRUE = replace(
    DECLARED, base=0.3, cancel_requested=1.8, payment_failure=1.1, unsubscribed=0.4, term_beyond=-1.6,
    bound_longer=0.0, term_length=0.0, term_ends=0.2, renewals_reported=False,
)  # fmt: skip


def histories(n: int, seed: int) -> list[Interaction]:
    """Contracts up to `DAY_0` with and without terms, failed payments, cancel requests, unsubscribing."""
    chance = np.random.default_rng(seed)
    found: list[Interaction] = []
    for i in range(n):
        who, start = f"c{i}", DAY_0 - chance.uniform(100.0, 2_000.0)
        end = (None, DAY_0 + 30.0, DAY_0 + 200.0)[chance.integers(3)]
        found.append(Subscription("start", who, at(start), "s", "started", None if end is None else at(end)))
        found += [
            Payment(f"failed-{k}", who, at(DAY_0 - chance.uniform(0.0, 60.0)), "failed")
            for k in range(chance.choice([0, 0, 0, 1, 2]))
        ]
        if chance.random() < 0.1:
            found.append(
                Subscription("asked", who, at(DAY_0 - chance.uniform(0.0, 50.0)), "s", "cancel_requested")
            )
        if chance.random() < 0.2:
            found.append(Engagement("off", who, at(DAY_0 - chance.uniform(0.0, 50.0)), kind="unsubscribed"))
    return found


def lived(seed: int, n: int = 4_000, horizon: int = 90) -> ContractPanel:
    """The histories, and after `DAY_0` ends drawn with the risk that `TRUE` gives."""
    before = histories(n, seed)
    panel = contract_panel_of(before)
    chance = np.random.default_rng(seed + 1_000)
    ends = chance.random(n) < risk_on(panel, DAY_0, with_contract(TRUE, horizon))
    ended: list[Interaction] = [
        Subscription(
            "end", panel.keys[i], at(DAY_0 + 1.0 + chance.uniform(0.0, horizon - 1.0)), "s", "cancelled"
        )
        for i in np.flatnonzero(ends).tolist()
    ]
    return contract_panel_of([*before, *ended])


def test_known_hazards_are_found_within_their_standard_errors() -> None:
    """Three populations whose ends were drawn from a known hazard: each weight within 3 errors."""
    away = []
    for seed in range(3):
        panel = lived(seed)
        fit = fit_contract(panel, DAY_0 + 90, 90, SHIPPED)
        assert fit.contract is not None
        weights = fit.report["weights"]
        for name in ("cancel_requested", "payment_failure", "unsubscribed", "tenure"):
            assert weights[name]["from_data"]
            away.append((getattr(fit.contract, name) - getattr(TRUE, name)) / weights[name]["standard_error"])
        assert not weights["engagement_fall"]["from_data"]
        assert fit.contract.engagement_fall == pytest.approx(DECLARED.engagement_fall, abs=1e-6)
        true, found = (risk_on(panel, DAY_0, with_contract(model, 90)) for model in (TRUE, fit.contract))
        assert np.abs(found - true).mean() < 0.03
        assert found.mean() == pytest.approx(true.mean(), abs=0.02)
    assert np.abs(away).max() < 3.0


def test_known_population_is_found_from_its_renewals() -> None:
    """Monthly contracts, each with its own probability of leaving from Beta(0.8, 12): within 3 errors."""
    events = monthly_contracts(4_000, 7, 700.0, lambda chance: float(chance.beta(0.8, 12.0)))
    fit = fit_contract(contract_panel_of(events), DAY_0 + 699, 91, SHIPPED)
    found = fit.report["baseline"]
    errors = found["standard_error_of_log"]
    assert abs(np.log(found["alpha"] / 0.8)) < 3.0 * errors[0]
    assert abs(np.log(found["beta"] / 12.0)) < 3.0 * errors[1]
    assert fit.warnings == []


def test_a_fit_ranks_and_is_calibrated_in_the_days_after_it() -> None:
    """On a stream with failed payments: better than tenure alone, and as many end as it says."""
    events = monthly_contracts(
        4_000, 3, 900.0, lambda chance: float(chance.beta(0.8, 20.0)), p_fail=0.08, effect=2.0
    )
    panel, origin = contract_panel_of(events), DAY_0 + 780
    fit = fit_contract(panel, origin, 30, SHIPPED)
    quality, mean, share = judged(panel, origin, 30, fit)
    assert quality > 0.58
    assert mean == pytest.approx(share, rel=0.35)
    assert fit.contract is not None
    assert fit.contract.payment_failure > 0.2


def test_a_future_record_changes_nothing() -> None:
    """What is planted after the day leaves the table as it is, to the last digit."""
    events = monthly_contracts(300, 5, 500.0, lambda chance: float(chance.beta(1.0, 9.0)))
    day = DAY_0 + 400
    later = [Subscription(f"x{i}", f"c{i}", at(day + 1.01 + i / 9), "s", "cancelled") for i in range(300)]
    plain, planted = (
        fit_contract(contract_panel_of(history), day, 60, SHIPPED) for history in (events, [*events, *later])
    )
    cut = fit_contract(
        contract_panel_of([e for e in events if e.occurred_at < at(day + 1)]), day, 60, SHIPPED
    )
    assert plain.report["fitted"]
    assert plain == planted == cut


def test_a_fit_does_not_depend_on_the_order_of_events() -> None:
    """Shuffled and with duplicates: the same table."""
    events = monthly_contracts(200, 6, 500.0, lambda chance: float(chance.beta(1.0, 9.0)), p_fail=0.1)
    again = [*events, *events[::5]]
    random.Random(1).shuffle(again)
    one, other = (
        fit_contract(contract_panel_of(history), DAY_0 + 499, 60, SHIPPED).contract
        for history in (events, again)
    )
    assert one is not None
    assert other is not None
    assert msgspec.to_builtins(one) == pytest.approx(msgspec.to_builtins(other), rel=1e-6)


def test_a_table_is_read_as_it_was_written() -> None:
    """The parameters with the table, as TOML, are the parameters again; renewals reported or not."""
    events = monthly_contracts(300, 5, 500.0, lambda chance: float(chance.beta(1.0, 9.0)))
    fit = fit_contract(contract_panel_of(events), DAY_0 + 499, 60, SHIPPED)
    assert fit.contract not in (None, DECLARED)
    for contract in (fit.contract, TRUE):
        whole = with_contract(contract, 60)
        assert parameters.parse(render(whole)) == whole
    assert msgspec.json.encode(fit.report)


def start(i: int, day: float = -400.0, who: str = "c") -> Subscription:
    return Subscription("start", f"{who}{i}", at(DAY_0 + day), "s", "started")


def end(i: int, day: float, who: str = "c") -> Subscription:
    return Subscription("end", f"{who}{i}", at(DAY_0 + day), "s", "cancelled")


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([start(0)], "0 contracts ended and"),
        ([start(0), end(0, -20.0)], "1 contracts ended and 0 went on"),
        ([start(i) for i in range(50)], "0 contracts ended and"),
        ([e for i in range(50) for e in (start(i), end(i, -20.0))], "50 contracts ended and 0 went on"),
        ([e for i in range(50) for e in (start(i, -50.0), end(i, -9.0))], "50 contracts ended and 0 went on"),
    ],
    ids=["one customer", "one that ended", "nobody ended", "all ended on one day", "all ended at once"],
)
def test_too_little_is_met_with_what_is_declared(history: list[Interaction], said: str) -> None:
    """One customer, all identical, nobody or everybody gone: a finite risk, and a warning that says why."""
    fit = fit_contract(contract_panel_of(history), DAY_0, 80, SHIPPED)
    assert fit.contract is not None
    panel = contract_panel_of(history)
    risk = risk_on(panel, DAY_0, with_contract(fit.contract, 80))
    assert ((risk > 0.0) & (risk < 1.0)).all()
    assert any(said in warning for warning in fit.warnings)
    assert fit.report["fitted"] is False
    assert replace(fit.contract, renewals_reported=True) == DECLARED


def test_nothing_is_fitted_without_a_contract() -> None:
    """Buyers alone, or contracts that begin later: no table, and it is said."""
    buyers: list[Interaction] = [Purchase("p", "b", at(DAY_0), amount=1.0, currency="EUR"), start(0, 20.0)]
    fit = fit_contract(contract_panel_of(buyers), DAY_0 + 5, 30, SHIPPED)
    assert fit.contract is None
    assert "no subscription events" in fit.warnings[0]


@pytest.mark.parametrize("terms", [True, False])
def test_a_snapshot_with_all_ends_on_its_day_falls_back_and_still_ranks(terms: bool) -> None:
    """Before the day nobody is seen to leave: declared weights and a warning; tenure and term still rank."""
    panel = contract_panel_of(snapshot(4_000, 5, 0.0, terms=terms))
    fit = fit_contract(panel, SNAPSHOT - 30, 30, SHIPPED)
    assert fit.report["fitted"] is False
    assert any("declared" in warning for warning in fit.warnings)
    quality, _, _ = judged(panel, SNAPSHOT - 30, 30, fit)
    assert quality > (0.7 if terms else 0.62)


@pytest.mark.parametrize(("last_days", "horizon"), [(0.0, 30), (0.0, 182), (60.0, 30)])
def test_a_snapshot_fitted_on_its_own_day_scores_what_it_saw(last_days: float, horizon: int) -> None:
    """Ends on one day or over the last weeks: the mean risk is the rate, and it ranks by tenure and term."""
    panel = contract_panel_of(snapshot(4_000, 5, last_days))
    fit = fit_contract(panel, SNAPSHOT, horizon, SHIPPED)
    assert fit.report["fitted"] is True
    quality, mean, share = judged(panel, SNAPSHOT - horizon, horizon, fit)
    assert quality > 0.75
    assert mean == pytest.approx(share, rel=0.35)


def test_ends_recorded_only_lately_are_carried_on_to_the_horizon() -> None:
    """Ends of the last month alone: half a year has more of them than a month, and the warning says so."""
    panel = contract_panel_of(snapshot(4_000, 5, 30.0, terms=False))
    fit = fit_contract(panel, SNAPSHOT, 182, SHIPPED)
    assert any("as if none were recorded before" in warning for warning in fit.warnings)
    month, half = (risk_on(panel, SNAPSHOT, with_contract(fit.contract, h)) for h in (30, 182))
    there = outcomes(panel, SNAPSHOT, 1).customers
    assert 2.0 * month[there].mean() < half[there].mean() < 6.0 * month[there].mean()


def test_a_horizon_longer_than_the_history_is_said() -> None:
    """Half of the history is the longest window; the hazard is carried on."""
    events = monthly_contracts(400, 5, 200.0, lambda chance: float(chance.beta(1.0, 9.0)))
    fit = fit_contract(contract_panel_of(events), DAY_0 + 199, 365, SHIPPED)
    assert any("short for a horizon" in warning for warning in fit.warnings)
    assert fit.report["window_days"] == 99
    assert fit.report["fitted"] is True


def test_a_year_bound_is_safer_than_month_to_month() -> None:
    """Of two alike but for their terms, fitted where yearly terms kept people, the bound one is safer."""
    panel = contract_panel_of(snapshot(4_000, 5, 60.0))
    fit = fit_contract(panel, SNAPSHOT, 30, SHIPPED)
    two: list[Interaction] = [
        Subscription("a", "monthly", at(SNAPSHOT - 400), "s", "started", at(SNAPSHOT + MONTH)),
        Subscription("b", "yearly", at(SNAPSHOT - 400), "s", "started", at(SNAPSHOT + 330)),
    ]
    monthly, yearly = risk_on(contract_panel_of(two), SNAPSHOT, with_contract(fit.contract, 30))
    assert yearly < monthly
    assert expit(-15.0) < yearly


def test_fit_takes_contracts_from_the_same_file(tmp_path: Path) -> None:
    """Subscribers beside nobody who buys: the whole model has the contract's table, and says why no more."""
    events = monthly_contracts(300, 5, 500.0, lambda chance: float(chance.beta(1.0, 9.0)))
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(map(encode, events)))
    panel = read_panel(path, now_ms=end_of(DAY_0 + 600))
    found = fit(panel, panel.last_day, 60, SHIPPED)
    alone = fit_contract(contract_panel_of(events), panel.last_day, 60, SHIPPED)
    assert found.parameters.churn.contract == alone.contract
    assert found.report["contracts"] == alone.report
    assert parameters.parse(render(found.parameters)) == found.parameters
    buyers = tmp_path / "buyers.jsonl"
    buyers.write_bytes(encode(Purchase("p", "b", at(DAY_0), amount=1.0, currency="EUR")))
    assert read_panel(buyers, now_ms=end_of(DAY_0 + 600)).contracts is None
