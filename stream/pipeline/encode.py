"""Columns -> records: scores and alerts as the contracts say, rounded as published."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.alert import Acknowledged, Action, AlertV1, Note, Snoozed
from schemas.alert import State as AlertState
from schemas.codec import encode
from schemas.score import Forced, Overridden, Reason
from stream.alerts.life import Transition, alert_id, owner
from stream.alerts.rules import Rule
from stream.alerts.storm import HELD
from stream.model.columns import TIERS
from stream.model.interval import interval
from stream.model.override import BANDS, Override, Standing, computed_bands
from stream.model.parameters import Parameters
from stream.model.risk import ABSENT_REASON
from stream.model.score import Scores
from stream.pipeline.reasons import TopReasons
from stream.pipeline.texts import Numbers, id_texts
from stream.state.alerts import State
from stream.state.people import People

__all__ = ["encode_alerts", "encode_scores", "rfc3339"]

STATES: dict[State, AlertState] = {
    State.SUPPRESSED: "suppressed",
    State.OPEN: "open",
    State.ACKNOWLEDGED: "acknowledged",
    State.SNOOZED: "snoozed",
    State.RECOVERING: "recovering",
    State.RESOLVED: "resolved",
    State.EXPIRED: "expired",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MANY = 100_000
SEQ, EVENTS = Numbers(b'","seq":', 0, 0, MANY), Numbers(b',"events":', 0, 0, MANY)
TRUST = Numbers(b',"trust":', 2, 0, 10_000)
LOW, HIGH = Numbers(b',"trust_low":', 2, 0, 10_000), Numbers(b',"trust_high":', 2, 0, 10_000)
UNCERTAINTY, RISK = Numbers(b',"uncertainty":', 4, 0, 10_000), Numbers(b',"churn_risk":', 4, 0, 10_000)
ABSENT = np.array([b',"churn_absent":' + encode(ABSENT_REASON), b',"churn_absent":null'], object)
TRUST_CHANGE = Numbers(b',"trust_change":', 2, -10_000, 10_000)
BAND = np.array([b'"%s","forced_by":null,"override":null}' % band.encode() for band in BANDS], object)
RISK_CHANGE = Numbers(b',"churn_change":', 4, -10_000, 10_000)


class Enriched(NamedTuple):
    """What is said of one transition beyond its rule (`enrich.py`): fields of `AlertV1` by their names."""

    recommended_action: str
    action: Action | None = None
    trend: float | None = None
    value_at_risk: float | None = None
    currency: str | None = None
    event_id: str | None = None
    traceparent: str | None = None


@lru_cache(maxsize=1024)  # the records of one step share most of their times
def rfc3339(time_ms: int) -> datetime:
    """Aware datetime of epoch milliseconds, exact."""
    return EPOCH + timedelta(milliseconds=time_ms)


def encode_scores(
    keys: list[bytes],
    before: NDArray[np.void],
    scores: Scores,
    reasons: TopReasons,
    now_ms: int,
    parameters: Parameters,
    model_version: str,
    standings: Mapping[int, Standing],
) -> list[tuple[bytes, bytes]]:
    """ScoreV1 records of n customers, put together column by column of texts that were made before.

    The bytes are those of `encode(ScoreV1(...))` (tested); a struct each would cost three times as much.

    Args:
        keys: (n,) customer ids.
        before: (n,) rows as they were before this publication: previous values, counters, segment.
        scores: of the n customers.
        reasons: of the n customers.
        now_ms: time of the scores.
        parameters: of the model.
        model_version: stamped on every record.
        standings: what forces or overrides the band, by the customer's place among the n.
    """
    low, high = interval(scores.trust.alpha, scores.trust.beta, parameters.trust)
    trust, risk = scores.trust_centi.astype(np.int64), scores.risk_e4.astype(np.int64)
    again, known = before["seq"] > 0, risk >= 0
    columns = (
        repeat(b'{"customer_id":"'),
        id_texts(keys),
        SEQ.of(before["seq"].astype(np.int64) + 1),
        repeat(b',"as_of":' + encode(rfc3339(now_ms))),
        EVENTS.of(before["events"].astype(np.int64)),
        TRUST.of(trust),
        LOW.of_floats(low),
        HIGH.of_floats(high),
        UNCERTAINTY.of_floats(scores.trust.uncertainty),
        RISK.of(risk, known),
        ABSENT[known.astype(np.int64)].tolist(),
        repeat(b',"horizon_days":%d' % parameters.churn.horizon_days),
        TRUST_CHANGE.of(trust - before["trust_centi"], again),
        RISK_CHANGE.of(risk - before["risk_e4"], known & again & (before["risk_e4"] >= 0)),
        _segments(before["segment"].tolist()),
        repeat(b',"reasons":['),
        *reasons.texts(),
        repeat(b'],"model_version":' + encode(model_version) + b',"schema":"kizuna.score.v1","band":'),
        _bands(scores.trust_centi, standings, parameters),
    )
    return list(zip(keys, map(b"".join, zip(*columns, strict=False)), strict=True))


def _bands(
    trust_centi: NDArray[np.int32], standings: Mapping[int, Standing], parameters: Parameters
) -> list[bytes]:
    """The end of each record: the band to show, and why, if it is not the computed one."""
    texts: list[bytes] = BAND[computed_bands(trust_centi, parameters.bands)].tolist()
    for i, holds in standings.items():
        band = texts[i] if holds.band is None else BAND[holds.band]
        texts[i] = band.partition(b",")[0] + b',"forced_by":%s,"override":%s}' % (
            encode(
                [Forced(each.event, BANDS[each.band], rfc3339(each.until_ms)) for each in holds.forced]
                or None
            ),
            encode(_overridden(holds.override)),
        )
    return texts


def _overridden(override: Override | None) -> Overridden | None:
    if override is None:
        return None
    issued_at, until = rfc3339(override.issued_ms), rfc3339(override.until_ms)
    return Overridden(BANDS[override.band], override.reason, override.author, issued_at, until)


def _segments(names: list[bytes]) -> list[bytes]:
    texts = {name: b',"segment":' + encode(name.decode() or None) for name in set(names)}
    return [texts[name] for name in names]


class _Known(NamedTuple):
    """What an alert says of its customer; `*_before`: as published before, `risk` < 0 = none."""

    segment: bytes
    tier: int
    locale: bytes
    seq: int
    trust_before: int
    risk_before: int
    trust: int
    risk: int
    uncertainty: float


def encode_alerts(
    keys: Sequence[bytes],
    before: NDArray[np.void],
    scores: Scores,
    reasons: Mapping[int, list[Reason]],
    transitions: Sequence[Transition],
    added: Sequence[Enriched] | None,
    parameters: Parameters,
    versions: tuple[str, str],
) -> list[tuple[bytes, bytes]]:
    """AlertV1 records of some transitions of n customers, in their order, keyed `customer|rule`.

    Args:
        keys: (n,) customer ids.
        before: (n,) rows as they were before this publication.
        scores: of the n customers.
        reasons: of each customer with a transition, by its place among the n.
        transitions: what changed.
        added: what is known of each beyond the rule; None if nothing was asked.
        parameters: of the model.
        versions: (rule version, model version).
    """
    whose = np.array([each.customer for each in transitions])
    names = ("segment", "tier", "locale", "seq", "trust_centi", "risk_e4")
    now = (scores.trust_centi, scores.risk_e4, scores.trust.uncertainty)
    columns = [column[whose].tolist() for column in (*(before[name] for name in names), *now)]
    return [
        _encode_alert(
            keys[each.customer].decode(),
            known,
            reasons[each.customer],
            each,
            more,
            parameters.churn.horizon_days,
            versions,
        )
        for each, known, more in zip(
            transitions,
            map(_Known._make, zip(*columns, strict=True)),
            added or [Enriched(each.rule.action) for each in transitions],
            strict=True,
        )
    ]


def _encode_alert(
    customer: str,
    known: _Known,
    reasons: list[Reason],
    transition: Transition,
    added: Enriched,
    horizon_days: int,
    versions: tuple[str, str],
) -> tuple[bytes, bytes]:
    rule, opened_ms = transition.rule, transition.opened_ms
    over = transition.state in (State.RESOLVED, State.EXPIRED)
    key = f"{customer}|{rule.id}"
    ack, snooze, note = _said(transition.said)
    record = AlertV1(
        alert_id=alert_id(customer, rule.id, transition.episode),
        dedup_key=key,
        episode=transition.episode,
        seq=transition.seq,
        rule_id=rule.id,
        rule_version=versions[0],
        model_version=versions[1],
        customer_id=customer,
        segment=known.segment.decode() or None,
        severity=transition.severity,
        state=STATES[transition.state],
        state_since=rfc3339(transition.since_ms),
        opened_at=rfc3339(opened_ms) if opened_ms else None,
        resolved_at=rfc3339(transition.since_ms) if over else None,
        resolve_reason=transition.reason or None,
        as_of=rfc3339(transition.now_ms),
        trust=known.trust / 100,
        churn_risk=known.risk / 10_000 if known.risk >= 0 else None,
        horizon_days=horizon_days,
        threshold_open=rule.open,
        threshold_clear=rule.clear,
        reasons=reasons,
        owner=owner(rule, transition.severity, transition.said),
        due_at=rfc3339(opened_ms + round(rule.due_hours * 3_600_000)) if opened_ms else None,
        mode=transition.mode,
        transition=transition.kind,
        suppressed_by=HELD[transition.held - 1] if transition.held else None,
        value=None if isnan(transition.value) else transition.value,
        previous_value=_previous(rule, known),
        uncertainty=round(known.uncertainty, 4),
        tier=TIERS[known.tier - 1] if known.tier else None,
        locale=known.locale.decode() or None,
        notifications=transition.notifications,
        kind=rule.kind,
        command_id=transition.command_id,
        ack=ack,
        snooze=snooze,
        note=note,
        recommended_action=added.recommended_action,
        action=added.action,
        trend=added.trend,
        value_at_risk=added.value_at_risk,
        currency=added.currency,
        event_id=added.event_id,
        traceparent=added.traceparent,
    )
    return key.encode(), encode(record)


def _previous(rule: Rule, known: _Known) -> float | None:
    """What the rule looks at as it was last published, where the row keeps that."""
    if rule.kind == "trust_below" and known.seq:
        return known.trust_before / 100
    if rule.kind == "churn_risk_above" and known.seq and known.risk_before >= 0:
        return known.risk_before / 10_000
    return None


def _said(people: People | None) -> tuple[Acknowledged | None, Snoozed | None, Note | None]:
    """The fields of an alert that people fill."""
    if people is None:
        return None, None, None
    ack, snooze, note = people.ack, people.snooze, people.note
    return (
        None if ack is None else Acknowledged(ack.by, rfc3339(ack.at_ms), ack.text),
        None if snooze is None else Snoozed(rfc3339(snooze.until_ms), snooze.by, snooze.reason),
        None if note is None else Note(note.by, rfc3339(note.at_ms), note.text or ""),
    )
