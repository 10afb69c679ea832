"""A backtest is honest in time, scores with the live code, and finds the published figures."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from schemas.codec import encode
from schemas.interaction import Interaction
from stream.alerts import rules
from stream.errors import DataError
from stream.model import parameters
from stream.model.columns import MS_PER_DAY
from stream.model.parameters import Parameters
from stream.offline import cdnow
from stream.offline.backtest import MODELS, Backtest, backtest
from stream.offline.backtest_lead import quality
from stream.offline.backtest_table import alert_lines, as_json
from stream.offline.fit import fit
from stream.offline.generate import generate
from stream.offline.origins import Origin
from stream.offline.panel import Panel, day_of
from stream.offline.replay import replay
from stream.offline.timeline import read_timeline
from stream.offline.walk import Setup, with_horizon
from stream.pipeline import FileRecord, Pipeline
from tests.lives import DAY_0, at, monthly_contracts
from tests.unit.offline.test_response import HOUR_MS, log
from tests.unit.offline.test_timeline import START_MS, buys, step

END_MS = 1_767_225_600_000
NOW_MS = END_MS + MS_PER_DAY
ORIGIN = Origin.at(END_MS - 120 * MS_PER_DAY, whole_day=True)
SHIPPED = parameters.load()


def _records(events: Sequence[Interaction]) -> list[FileRecord]:
    return [
        FileRecord("f", 0, i, round(e.occurred_at.timestamp() * 1000), e.customer_id.encode(), encode(e))
        for i, e in enumerate(events, start=1)
    ]


HISTORY = _records(generate(250, 400, seed=5, end_ms=END_MS).events)


def run(records: list[FileRecord], origins: list[Origin], horizon: int, **more: Any) -> Backtest:
    more = {"resamples": 20} | more
    setup = Setup(horizon, SHIPPED, rules.load(), NOW_MS, **more)
    return backtest(read_timeline(records, NOW_MS), lambda: records, origins, setup)


@cache
def cdnow_sample() -> Backtest:
    try:
        events = list(cdnow.interactions(name="sample"))
    except DataError as reason:
        pytest.skip(str(reason))
    day = Origin.at(875_577_600_000, whole_day=True)  # 1997-09-30, the 39th week
    return run(_records(events), [day], 273, resamples=500, fit=_fit)


def _fit(panel: Panel, until_day: int, horizon_days: int) -> tuple[Parameters, list[str]]:
    found = fit(panel, until_day, horizon_days, SHIPPED, references=False)
    return found.parameters, found.warnings


def test_cdnow_39_39_is_foretold_better_than_recency() -> None:
    """Fitted to the first 39 weeks: AUC .784, Brier .155, ECE .026; recency is below beyond chance."""
    results = cdnow_sample().folds[0].results
    ours = results["kizuna"].measures
    assert ours["auc"] >= 0.782
    assert ours["brier"] <= 0.156
    assert ours["ece"] <= 0.03
    for other in ("recency", "frequency", "bgnbd", "mbgnbd"):
        difference, low, _high = results[other].ours_minus_this["auc"]
        assert difference > low > 0


@pytest.mark.parametrize(
    ("model", "auc", "pr_auc"),
    [
        ("recency", 0.7714, 0.860),
        ("frequency", 0.7576, 0.843),
        ("bgnbd", 0.7569, 0.828),
        ("mbgnbd", 0.7601, 0.833),
    ],
)
def test_cdnow_39_39_has_the_published_figures(model: str, auc: float, pr_auc: float) -> None:
    """2,357 customers, 71.0 % of them without a purchase in the second 39 weeks; baselines to 3 digits."""
    fold = cdnow_sample().folds[0]
    assert (fold.n, round(fold.churn_rate, 4)) == (2_357, 0.7098)
    assert fold.results[model].measures["auc"] == pytest.approx(auc, abs=0.0005)
    assert fold.results[model].measures["pr_auc"] == pytest.approx(pr_auc, abs=0.0006)


def test_cdnow_39_39_is_calibrated_as_published() -> None:
    """Brier .161, ECE .043 and .050 of the purchase models; the logistic regression is better."""
    results = cdnow_sample().folds[0].results
    brier = {name: result.measures["brier"] for name, result in results.items()}
    assert brier["bgnbd"] == pytest.approx(0.1612, abs=0.0005)
    assert brier["mbgnbd"] == pytest.approx(0.1614, abs=0.0005)
    assert results["bgnbd"].measures["ece"] == pytest.approx(0.043, abs=0.0006)
    assert results["mbgnbd"].measures["ece"] == pytest.approx(0.050, abs=0.0006)
    assert brier["logistic_rfm"] < min(brier["bgnbd"], brier["mbgnbd"], brier["recency"])
    assert brier["base_rate"] == max(brier.values())
    low, high = results["recency"].intervals["auc"]
    assert (high - low) / 2 == pytest.approx(0.021, abs=0.002)


def _said(found: Backtest) -> object:
    """All that a backtest claims, but for what happened."""
    fold = found.folds[0]
    return [
        fold.model_version,
        {
            name: None if r.judged is None else r.judged.probability.tolist()
            for name, r in fold.results.items()
        },
        None if fold.weeks is None else fold.weeks.foretold.tolist(),
    ]


def test_nothing_from_after_the_origin_changes_a_prediction() -> None:
    """Purchases, contracts and customers planted behind the origin change outcomes and no model's say."""
    day = (ORIGIN.known_ms - START_MS) // MS_PER_DAY + 1
    buyer = next(
        r.key for r in HISTORY if b'"purchase"' in (r.value or b"") and r.timestamp < ORIGIN.known_ms
    )
    assert buyer is not None
    planted = _records(
        [
            *(buys(buyer.decode(), day + i) for i in range(30)),
            *(buys(f"new-{i}", day + 1) for i in range(50)),
            step(buyer.decode(), day + 2, "started", day + 40),
        ]
    )
    cut = [each for each in HISTORY if each.timestamp <= ORIGIN.known_ms]
    told: list[Panel] = []

    def learn(panel: Panel, until_day: int, horizon_days: int) -> tuple[Parameters, list[str]]:
        told.append(panel)
        return _fit(panel, until_day, horizon_days)

    whole, more, bare = (
        run(records, [ORIGIN], 60, fit=learn) for records in (HISTORY, planted + HISTORY, cut)
    )
    assert _said(whole) == _said(more) == _said(bare)
    assert whole.folds[0].churn_rate != bare.folds[0].churn_rate
    assert [panel.last_day for panel in told] == [day_of(ORIGIN.known_ms)] * 3
    assert told[0].day.tolist() == told[1].day.tolist() == told[2].day.tolist()
    contracts = [panel.contracts for panel in told if panel.contracts is not None]
    assert len(contracts) == 3
    assert contracts[0].time_s.tolist() == contracts[1].time_s.tolist() == contracts[2].time_s.tolist()


def test_scores_are_those_of_a_replay_to_the_origin() -> None:
    """Carried from fold to fold, the table says what a fresh replay of each origin says."""
    origins = [ORIGIN, ORIGIN.back(60), ORIGIN.back(120)]
    found = run(HISTORY, origins, 60)
    for origin, fold in zip(origins, found.folds, strict=True):
        pipeline = Pipeline(with_horizon(SHIPPED, 60), rules.load(), clock="event")
        account = replay(pipeline, HISTORY, now_ms=NOW_MS, until_ms=origin.known_ms)
        _keys, scores = pipeline.scores(account.table, origin.scored_ms)
        known = scores.risk.churn_risk[~np.isnan(scores.risk.churn_risk)]
        judged = fold.results["kizuna"].judged
        assert judged is not None
        assert fold.n + fold.n_over == len(known)
        assert np.isin(judged.probability.round(9), known.round(9)).all()


def test_a_fit_is_what_ours_is_scored_with() -> None:
    """The parameters that the fit returns are the ones in the result, at the horizon that was asked for."""
    other = with_horizon(SHIPPED, 7)
    found = run(HISTORY, [ORIGIN], 60, fit=lambda *_: (other, ["too little data"]))
    assert found.folds[0].model_version == with_horizon(SHIPPED, 60).model_version
    assert "too little data" in found.folds[0].warnings


def test_every_model_is_there_whatever_the_data() -> None:
    """One customer, equal customers, contracts alone: null with a reason, never a missing key."""
    day = 100
    origin = Origin.at(START_MS + day * MS_PER_DAY, whole_day=True)
    one = [buys("a", 10), buys("a", 130)]
    equal = [buys(f"c{i}", each) for i in range(30) for each in (10, 40, 70, 110)]
    contracts = [step(f"c{i}", 10, "started") for i in range(30)] + [step("c1", 110, "cancelled")]
    for events in (one, equal, contracts):
        said = as_json(run(_records(events), [origin], 30), 30)
        assert list(said["models"]) == [*MODELS, *(["tenure"] if events is contracts else [])]
        for name, model in said["models"].items():
            assert {"auc", "pr_auc", "brier", "log_loss", "ece", "lift_10"} <= model.keys()
            assert (model["brier"] is None) == (model["absent"] is not None)
            assert model["absent"] is None or any(name in warning for warning in said["warnings"])
        assert said["models"]["kizuna"]["brier"] is not None
        assert said["models"]["base_rate"]["brier"] is not None
        assert said["contractual"] == (30 if events is contracts else 0)


def test_where_all_have_contracts_tenure_stands_beside_ours() -> None:
    """Contracts that end easily have ended: tenure ranks the rest, and is nearer than one rate for all."""
    events = monthly_contracts(1_500, 3, 720.0, lambda chance: chance.beta(0.5, 3.0))
    origin = Origin.at(round(at(DAY_0 + 540.0).timestamp() * 1000), whole_day=True)
    found = run(_records(events), [origin], 90).folds[0]
    assert list(found.results) == [*MODELS, "tenure"]
    tenure, rate = (found.results[name].measures for name in ("tenure", "base_rate"))
    assert tenure["auc"] > 0.6
    assert tenure["brier"] < rate["brier"]
    assert found.results["recency"].why_absent


def test_a_contract_is_foretold_by_the_rate_of_the_window_before() -> None:
    """Of mixed customers those with a contract get from each baseline how often contracts ended before."""
    origin = Origin.at(START_MS + 100 * MS_PER_DAY, whole_day=True)
    chance = np.random.default_rng(4)
    shop: list[Interaction] = [
        buys(f"b{i}", float(day))
        for i in range(60)
        for day in chance.choice(140, chance.integers(1, 9), replace=False)
    ]
    signed: list[Interaction] = [step(f"s{i}", 5, "started") for i in range(20)]
    ended: list[Interaction] = [step(f"s{i}", 80 + i, "cancelled") for i in range(4)]
    found = run(_records(shop + signed + ended), [origin], 30).folds[0]
    assert (found.n_contractual, found.n_over) == (16, 4)
    for name in ("recency", "base_rate", "mbgnbd"):
        judged = found.results[name].judged
        assert judged is not None
        values, counts = np.unique(judged.probability, return_counts=True)
        assert counts[np.isclose(values, 4 / 20)].sum() >= 16


def test_alerts_of_the_horizon_are_told_without_any_truth() -> None:
    """How many for 1,000 customers and week, how many are back at once, and that nobody answered them."""
    buyers = [each for each in HISTORY if b'"subscription"' not in (each.value or b"")]
    found = run(buyers, [ORIGIN], 60)
    assert found.lead is None
    assert found.quality is not None
    said, counted = as_json(found, 60)["alerts"], found.quality
    assert counted.alerts > 10
    end_ms = ORIGIN.known_ms + 60 * MS_PER_DAY
    assert counted.customers == len({each.key for each in buyers if each.timestamp <= end_ms})
    assert counted.per_1000_and_week == pytest.approx(1000 * counted.alerts / counted.customers / (60 / 7))
    assert said["flap_rate"] == pytest.approx(counted.flaps / counted.alerts, abs=1e-5)
    assert said["flap_rate"] < 0.1
    assert said["response"]["alerts"] == counted.alerts
    assert said["response"]["acknowledged"] == 0
    lines = alert_lines(counted)
    assert f"{counted.alerts} alerts in the horizon" in lines[0]
    assert lines[1].startswith("no acknowledgements in this log")
    assert alert_lines(None) == []


def test_only_alerts_of_the_horizon_count_and_those_before_tell_what_is_back() -> None:
    """One that opened before the origin is none of it; one that is back after it is a flap."""
    before = log(1, 0.0, ("resolved", 10.0))
    back = [replace(each, dedup_key="c|r") for each in log(2, 100.0, ("acknowledged", 104.0))]
    origin = Origin.at(round(before[0].as_of.timestamp() * 1000) + 20 * HOUR_MS, whole_day=False)
    found = quality([*before, *back], 500, origin, 14)
    assert (found.alerts, found.flaps, found.flap_rate) == (1, 1, 1.0)
    assert found.per_1000_and_week == pytest.approx(1.0)
    assert (found.response["alerts"], found.response["median_hours"]) == (1, pytest.approx(4.0))
    assert quality(before, 500, origin, 14).flap_rate is None
