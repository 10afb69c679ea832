"""Every difference between what was published or stored and what the oracle says; empty lists if exact."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec.structs import replace

from schemas.alert import AlertV1
from schemas.score import ScoreV1
from stream.model.columns import currency_code
from stream.model.override import EXCEPTIONS
from stream.model.promises import Kind
from stream.state.checkpoints import OF_CONTRACT
from stream.state.purchases import amounts
from stream.state.table import CustomerTable
from tests.oracles.memory import CAUSES, Memory, Promise
from tests.oracles.oracle import Oracle, epoch_ms
from tests.oracles.people import DECISIONS, Decision, Saying
from tests.oracles.reading import FIRST_MS

__all__ = [
    "alert_differences",
    "checkpoint_differences",
    "decision_differences",
    "score_differences",
    "table_differences",
]

KIND = {int(Kind.DELIVERY): "delivery", int(Kind.TICKET): "ticket"}
FROM_PROMISES = ("delivery", "ticket")


def score_differences(
    oracle: Oracle, chain: Iterable[ScoreV1], saying: Saying = MappingProxyType({})
) -> list[str]:
    """What is wrong in a chain of published scores, of each customer in the order of publication."""
    found: list[str] = []
    last: dict[str, ScoreV1] = {}
    decisions = defaultdict[str, Decision](Decision)
    for score in chain:
        who, before = score.customer_id, last.get(score.customer_id)
        last[who] = score
        for command in saying.get((who, score.seq), ()):
            if command.action in DECISIONS:
                decisions[who].decide(command)
        shown = decisions[who].at(score.as_of)
        expected = oracle.score_of(score)
        pairs = {
            "trust": (score.trust, expected.trust),
            "churn_risk": (score.churn_risk, expected.churn_risk),
            "uncertainty": (score.uncertainty, expected.uncertainty),
            "segment": (score.segment, oracle.segment_at(who, score.events)),
            "seq": (score.seq, 1 if before is None else before.seq + 1),
            "band": (score.band, expected.band if shown is None else shown.band),
            "override": (score.override, shown),
            "forced_by": (
                [(f.event, f.band, epoch_ms(f.until)) for f in score.forced_by or []] or None,
                expected.forced_by,
            ),
            "churn_absent": (score.churn_absent is None, score.churn_risk is not None),
            "trust_change": (score.trust_change, _change(score.trust, before.trust if before else None, 100)),
            "churn_change": (
                score.churn_change,
                _change(score.churn_risk, before.churn_risk if before else None, 10_000),
            ),
        }
        found += [
            f"score {who} seq {score.seq} ({score.events} events, {score.as_of}): {name} {is_}, not {should}"
            for name, (is_, should) in pairs.items()
            if is_ != should
        ]
        if not score.trust_low <= score.trust <= score.trust_high:
            found.append(f"score {who} seq {score.seq}: {score.trust} is outside its own interval")
    missing = [
        who for who, events in oracle.events.items() if who not in last or last[who].events != len(events)
    ]
    return found + [f"score {who}: the last one is missing" for who in missing]


def _change(now: float | None, before: float | None, unit: int) -> float | None:
    return None if now is None or before is None else (round(now * unit) - round(before * unit)) / unit


def alert_differences(
    oracle: Oracle,
    chain: Iterable[ScoreV1],
    alerts: Iterable[AlertV1],
    saying: Saying = MappingProxyType({}),
) -> list[str]:
    """Alerts that scores and commands do not imply, and implied ones that are missing, in order.

    What is said beyond the rule (trend, value at risk, action, cause) follows from more than the chain.
    """
    expected, published = (_by_key(map(_bare, found)) for found in (oracle.alerts(chain, saying), alerts))
    return [
        f"alerts {key}: published {published[key]}, implied {expected[key]}"
        for key in sorted(expected.keys() | published.keys())
        if expected[key] != published[key]
    ]


def _bare(alert: AlertV1) -> AlertV1:
    return replace(
        alert,
        recommended_action="",
        action=None,
        trend=None,
        value_at_risk=None,
        currency=None,
        event_id=None,
        traceparent=None,
    )


def _by_key(alerts: Iterable[AlertV1]) -> defaultdict[str, list[AlertV1]]:
    found: defaultdict[str, list[AlertV1]] = defaultdict(list)
    for alert in alerts:
        found[alert.dedup_key].append(alert)
    return found


def table_differences(oracle: Oracle, table: CustomerTable) -> list[str]:
    """What is wrong in a table's rows; `seq`, alerts and last published values belong to the chain."""
    found = [
        f"row {key!r}: nobody knows this customer" for key in table.index if key.decode() not in oracle.events
    ]
    for who in oracle.events:
        row = table.index.get(who.encode())
        if row is None:
            found.append(f"row {who}: missing")
        else:
            found += [f"row {who}: {what}" for what in _row_differences(oracle, who, table, row)]
    return found


def checkpoint_differences(oracle: Oracle, chain: Iterable[ScoreV1], table: CustomerTable) -> list[str]:
    """What rows remember of published risks, and the chain says otherwise."""
    found = []
    expected = oracle.checkpoints(chain)
    for key, row in table.index.items():
        days, risks = (table.rows[name][row].tolist() for name in ("checkpoint_day", "checkpoint_risk"))
        is_ = [
            (day, risk % OF_CONTRACT, risk >= OF_CONTRACT)
            for day, risk in zip(days, risks, strict=True)
            if day
        ]
        if is_ != expected.get(key.decode(), []):
            found.append(f"row {key!r}: checkpoints are {is_}, not {expected.get(key.decode(), [])}")
    return found


def decision_differences(oracle: Oracle, table: CustomerTable) -> list[str]:
    """What rows remember of decisions about bands, against what was said as `alerts` last judged it."""
    found = []
    for key, row in table.index.items():
        marks = table.tails[row].marks if row in table.tails else None
        stored = marks and marks.override
        is_ = stored and (stored.issued_ms, stored.until_ms, stored.band, stored.author, stored.reason)
        latest = oracle.decisions[key.decode()].latest
        should = latest and (epoch_ms(latest[0]), epoch_ms(latest[1]), *latest[2:])
        if is_ != should:
            found.append(f"row {key!r}: the last decision is {is_}, not {should}")
    return found


def _row_differences(oracle: Oracle, who: str, table: CustomerTable, row: int) -> list[str]:
    stored, tail = table.rows[row], table.tails.get(row)
    expected = oracle.row_facts(who)
    combined = ("all_days", "all_feedback", "amounts")
    is_: dict[str, Any] = {name: stored[name].tolist() for name in expected if name not in combined}
    is_["all_days"] = {day for day in stored["days"].tolist() if day} | (tail.days if tail else set())
    further = np.frombuffer(tail.feedback if tail else b"", np.uint32).tolist()
    is_["all_feedback"] = [
        (entry // 64, entry % 64) for entry in [*stored["feedback"].tolist(), *further] if entry
    ]
    by_currency = amounts(table.rows, table.tails, row)
    is_["amounts"] = {currency_code(number): amount for number, amount in by_currency.items()}
    is_["segment"] = stored["segment"].decode()
    is_["locale"] = stored["locale"].decode()
    found = [
        f"{name} is {is_[name]}, not {expected[name]}" for name in expected if is_[name] != expected[name]
    ]
    slots = [slot for slot in stored["promises"] if slot["ref"]] + list(table.tails.promises([row])[0])
    ledger = [_promise(slot) for slot in slots]
    memory = oracle.customer(who)
    last_s = tail.marks.last_s if tail and tail.marks else {}
    exceptions = {EXCEPTIONS[place]: at for place, at in last_s.items()}
    if exceptions != memory.exceptions:
        found.append(f"exceptions are {exceptions}, not {memory.exceptions}")
    found += _promise_differences(ledger, list(memory.promises.values()))
    return found + _evidence_differences(oracle, memory, stored["evidence"].tolist(), ledger)


def _promise(slot: Any) -> Promise:
    times = {name: int(slot[name]) or None for name in ("opened", "due", "replied", "closed", "reopened")}
    return Promise(
        KIND[int(slot["kind"])],
        failed=bool(slot["failed"]),
        priority=int(slot["priority"]),
        channels=int(slot["channels"]),
        **times,
    )


def _promise_differences(ledger: Sequence[Promise], known: Sequence[Promise]) -> list[str]:
    """The ledger may lack promises that are closed (folded) or never opened (forgotten); nothing else."""
    stored, expected = Counter(map(repr, ledger)), Counter(map(repr, known))
    closed = {repr(promise) for promise in known if promise.is_closed or promise.opened is None}
    wrong = [f"promise {text} is unknown" for text in stored - expected]
    return wrong + [f"promise {text} is missing" for text in expected - stored if text not in closed]


def _evidence_differences(
    oracle: Oracle, memory: Memory, sums: list[list[float]], ledger: Sequence[Promise]
) -> list[str]:
    """Sums to the bit; those of promises to 2^-50, a tiny share of a grade may fall below the last bit."""
    p = oracle.parameters
    good, bad = ({cause: pair[side] for cause, pair in zip(CAUSES, sums, strict=True)} for side in (0, 1))
    for promise in ledger:
        for cause, value, weight, when in promise.grades(p):
            plus, minus = Memory.terms(cause, value, weight, (when - 1) * 1000 + FIRST_MS, p)
            good[cause] += plus
            bad[cause] += minus
    due_good, due_bad = dict(memory.good), dict(memory.bad)
    for terms in memory.settled.values():
        for cause, plus, minus in terms:
            due_good[cause] += plus
            due_bad[cause] += minus
    return [
        f"evidence {cause} {side} is {is_[cause]!r}, not {due[cause]!r}"
        for side, is_, due in (("r", good, due_good), ("s", bad, due_bad))
        for cause in CAUSES
        if not math.isclose(is_[cause], due[cause], rel_tol=2.0**-50 if cause in FROM_PROMISES else 0.0)
    ]
