"""Two clocks: the wall's, and the events' own in which a replay hears silence when it was silent."""

from itertools import pairwise

from schemas.codec import decode_alert, decode_score
from schemas.score import ScoreV1
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Effects, Pipeline
from tests.oracles.oracle import epoch_ms
from tests.strategies import DAY_MS, END_MS, START_MS, Body, history, iso, records

WALL = Pipeline(parameters.load(), rules.load())
EVENT = Pipeline(parameters.load(), rules.load(), clock="event")


def purchase(who: str, day: float) -> Body:
    at = iso(START_MS + int(day * DAY_MS))
    own = {"amount": 5, "currency": "EUR"}
    return {"type": "purchase", "event_id": f"{who}{day}", "customer_id": who, "occurred_at": at} | own


REGULAR = [purchase("quiet", 7 * k) for k in range(8)]
OTHERS = [purchase("other", 56 + 10 * k) for k in range(30)]


def scores_of(effects: list[tuple[bytes, bytes]]) -> list[ScoreV1]:
    return [decode_score(value) for _, value in effects]


def test_silence_opens_an_alert_in_a_replay() -> None:
    """A regular who stops is noticed while others go on, when nothing of hers happened; given up later."""
    effects = EVENT.step(EVENT.new_table(), records(REGULAR + OTHERS), END_MS)
    told = [a for _, v in effects.alert_log if (a := decode_alert(v)).customer_id == "quiet"]
    assert [(a.rule_id, a.state) for a in told] == [
        ("churn_risk_high", "open"),
        ("churn_risk_high", "expired"),
    ]
    noticed = epoch_ms(told[0].as_of)
    assert START_MS + 60 * DAY_MS < noticed < START_MS + 346 * DAY_MS
    assert noticed % EVENT.sweep_every_ms == 0


def test_silence_is_heard_at_the_same_moments_in_any_split() -> None:
    """Sweeps of the event clock depend on event times alone: their scores are those of any other split."""
    source = records(REGULAR + OTHERS)
    found = []
    for run in (1, 3, len(source)):
        table = EVENT.new_table()
        log = [
            s
            for i in range(0, len(source), run)
            for s in EVENT.step(table, source[i : i + run], END_MS).scores
        ]
        swept = [s for s in scores_of(log) if s.customer_id == "quiet" and s.events == len(REGULAR)]
        found.append([(s.as_of, s.trust, s.churn_risk) for s in swept][1:])
    assert found[0] == found[1] != []
    assert [s for s in found[2] if s in found[0]] == found[2] != []


def test_sweep_publishes_only_what_moved() -> None:
    """A second sweep at the same time says nothing; one much later does."""
    table = WALL.new_table()
    WALL.step(table, records(REGULAR), START_MS + 49 * DAY_MS)
    later = START_MS + 120 * DAY_MS
    first, second = (WALL.sweep(table, 0, table.n_rows, later) for _ in range(2))
    assert len(first.scores) == len(first.changelog) == 1
    assert (second.scores, second.alerts, second.changelog) == ([], [], [])
    [score] = scores_of(first.scores)
    assert score.churn_change is not None
    assert score.churn_change > 0.0
    assert (epoch_ms(score.as_of), score.events, score.seq) == (later, 8, 2)


def test_swept_in_pieces_is_swept_whole() -> None:
    """Sweeping [0, k) and [k, n) publishes what sweeping [0, n) publishes."""
    source = records(history(5, 200, customers=17))
    logs = []
    for edges in ([0, 17], [0, 5, 6, 17, 99]):
        table = WALL.new_table()
        WALL.step(table, source, END_MS)
        parts = [WALL.sweep(table, a, b, END_MS + 90 * DAY_MS) for a, b in pairwise(edges)]
        logs.append(
            [[each for part in parts for each in getattr(part, name)] for name in ("scores", "alert_log")]
        )
    assert logs[0] == logs[1] != [[], []]


def test_event_clock_reads_no_wall() -> None:
    """Under the event clock the same records give the same bytes whenever they are replayed."""
    source = records(history(6, 300))
    early, late = (EVENT.step(EVENT.new_table(), source, END_MS + d) for d in (0, 999 * DAY_MS))
    assert (early.scores, early.alert_log, early.changelog) == (late.scores, late.alert_log, late.changelog)


def test_watermark_is_the_highest_event_time() -> None:
    """Late events do not turn the clock back."""
    table = EVENT.new_table()
    EVENT.step(table, records([purchase("a", 9), purchase("a", 3)]), END_MS)
    assert table.watermark_ms == START_MS + 9 * DAY_MS
    EVENT.step(table, records([purchase("b", 1)]), END_MS)
    assert table.watermark_ms == START_MS + 9 * DAY_MS


def test_empty_step_does_nothing() -> None:
    """No records, no effects, under both clocks."""
    for pipeline in (WALL, EVENT):
        effects = pipeline.step(pipeline.new_table(), [], END_MS)
        assert effects == Effects()


def test_nobody_has_no_scores() -> None:
    """An empty partition is scored like any other: nothing comes out."""
    keys, scores = WALL.scores(WALL.new_table(), END_MS)
    assert keys == []
    assert scores.trust.trust.shape == (0,)
    assert scores.risk.contributions.shape[0] == 0
