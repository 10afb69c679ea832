"""Columns -> records: scores and alerts as the contracts say, rounded as published."""

from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.alert import AlertV1
from schemas.codec import encode
from schemas.score import Reason
from stream.alerts.evaluate import State, Transition, alert_id
from stream.model.interval import interval
from stream.model.parameters import Parameters
from stream.model.risk import ABSENT_REASON
from stream.model.score import Scores
from stream.pipeline.texts import Texts, id_texts

__all__ = ["encode_alert", "encode_scores", "rfc3339"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SEQ, COUNT, SEGMENT = Texts(b'","seq":'), Texts(b""), Texts(b',"segment":')
TRUST, LOW, HIGH = Texts(b',"trust":'), Texts(b',"trust_low":'), Texts(b',"trust_high":')
UNCERTAINTY, RISK = Texts(b',"uncertainty":'), Texts(b',"churn_risk":')
ABSENT = Texts(b',"churn_absent":')
TRUST_CHANGE, RISK_CHANGE = Texts(b',"trust_change":'), Texts(b',"churn_change":')


def rfc3339(time_ms: int) -> datetime:
    """Aware datetime of epoch milliseconds, exact."""
    return EPOCH + timedelta(milliseconds=time_ms)


def encode_scores(
    keys: list[bytes],
    before: NDArray[np.void],
    scores: Scores,
    reasons: list[bytes],
    now_ms: int,
    parameters: Parameters,
    model_version: str,
) -> list[tuple[bytes, bytes]]:
    """ScoreV1 records of n customers, put together column by column of texts that were made before.

    The bytes are those of `encode(ScoreV1(...))` (tested); a struct each would cost three times as much.

    Args:
        keys: (n,) customer ids.
        before: (n,) rows as they were before this publication: previous values, counters, segment.
        scores: of the n customers.
        reasons: JSON array of each customer (`TopReasons.texts`).
        now_ms: time of the scores.
        parameters: of the model.
        model_version: stamped on every record.
    """
    low, high = interval(scores.trust.alpha, scores.trust.beta, parameters.trust)
    first = before["seq"] == 0
    risk = np.where(scores.risk_e4 >= 0, scores.risk_e4 / 10_000.0, np.nan)
    risk_before = np.where(first | (before["risk_e4"] < 0), np.nan, before["risk_e4"])
    columns = (
        repeat(b'{"customer_id":"'),
        id_texts(keys),
        SEQ.of((before["seq"] + 1).tolist()),
        repeat(b',"as_of":' + encode(rfc3339(now_ms)) + b',"events":'),
        COUNT.of(before["events"].tolist()),
        TRUST.of_array(scores.trust_centi / 100.0),
        LOW.of_array(np.round(low, 2)),
        HIGH.of_array(np.round(high, 2)),
        UNCERTAINTY.of_array(np.round(scores.trust.uncertainty, 4)),
        RISK.of_array(risk),
        ABSENT.of([None if there else ABSENT_REASON for there in (scores.risk_e4 >= 0).tolist()]),
        repeat(b',"horizon_days":%d' % parameters.churn.horizon_days),
        TRUST_CHANGE.of_array(np.where(first, np.nan, (scores.trust_centi - before["trust_centi"]) / 100.0)),
        RISK_CHANGE.of_array(np.where(np.isnan(risk), np.nan, scores.risk_e4 - risk_before) / 10_000.0),
        _segments(before["segment"].tolist()),
        repeat(b',"reasons":'),
        reasons,
        repeat(b',"model_version":' + encode(model_version) + b',"schema":"kizuna.score.v1"}'),
    )
    return list(zip(keys, map(b"".join, zip(*columns, strict=False)), strict=True))


def _segments(names: list[bytes]) -> list[bytes]:
    texts = {name: SEGMENT[name.decode() or None] for name in set(names)}
    return [texts[name] for name in names]


def encode_alert(
    key: bytes,
    row: np.void,
    scores: Scores,
    reasons: list[Reason],
    transition: Transition,
    parameters: Parameters,
    versions: tuple[str, str],
) -> tuple[bytes, bytes]:
    """AlertV1 record of one transition, keyed `customer|rule`.

    Args:
        key: customer id.
        row: the customer's row.
        scores: of all n customers; the transition knows which.
        reasons: of this customer.
        transition: what changed.
        parameters: of the model.
        versions: (rule version, model version).
    """
    customer, rule, i = key.decode(), transition.rule, transition.customer
    resolved = transition.state is State.RESOLVED
    over: Literal["expired", "resolved"] = "expired" if transition.expired else "resolved"
    risk = int(scores.risk_e4[i])
    record = AlertV1(
        alert_id=alert_id(customer, rule.id, transition.episode),
        dedup_key=f"{customer}|{rule.id}",
        episode=transition.episode,
        seq=transition.seq,
        rule_id=rule.id,
        rule_version=versions[0],
        model_version=versions[1],
        customer_id=customer,
        segment=row["segment"].decode() or None,
        severity=rule.severity,
        state=over if resolved else "open",
        state_since=rfc3339(transition.now_ms),
        opened_at=rfc3339(transition.opened_ms),
        resolved_at=rfc3339(transition.now_ms) if resolved else None,
        resolve_reason=("expired" if transition.expired else "recovered") if resolved else None,
        as_of=rfc3339(transition.now_ms),
        trust=int(scores.trust_centi[i]) / 100,
        churn_risk=risk / 10_000 if risk >= 0 else None,
        horizon_days=parameters.churn.horizon_days,
        threshold_open=rule.open,
        threshold_clear=rule.clear,
        reasons=reasons,
        recommended_action=rule.action,
        owner=rule.owner,
        due_at=rfc3339(transition.opened_ms + round(rule.due_hours * 3_600_000)),
    )
    return f"{customer}|{rule.id}".encode(), encode(record)
