"""Columns -> records: scores and alerts as the contracts say, rounded as published."""

from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.alert import AlertV1
from schemas.codec import encode
from schemas.score import Reason, ScoreV1
from stream.alerts.evaluate import State, Transition, alert_id
from stream.model.columns import Floats
from stream.model.parameters import Parameters
from stream.model.risk import ABSENT_REASON
from stream.model.score import Scores
from stream.model.trust import interval

__all__ = ["encode_alert", "encode_scores", "rfc3339"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time_ms: int) -> datetime:
    """Aware datetime of epoch milliseconds, exact."""
    return EPOCH + timedelta(milliseconds=time_ms)


def encode_scores(
    keys: list[bytes],
    before: NDArray[np.void],
    scores: Scores,
    reasons: list[list[Reason]],
    now_ms: int,
    parameters: Parameters,
    model_version: str,
) -> list[tuple[bytes, bytes]]:
    """ScoreV1 records of n customers, column by column: a call per customer and field would dominate.

    Args:
        keys: (n,) customer ids.
        before: (n,) rows as they were before this publication: previous values, counters, segment.
        scores: of the n customers.
        reasons: of the n customers (`reasons.top_reasons`).
        now_ms: time of the scores.
        parameters: of the model.
        model_version: stamped on every record.
    """
    low, high = interval(scores.trust.alpha, scores.trust.beta, parameters.trust.credible_mass)
    first = before["seq"] == 0
    known = scores.risk_e4 >= 0
    compared = known & ~first & (before["risk_e4"] >= 0)
    records = map(
        ScoreV1,
        [key.decode() for key in keys],
        (before["seq"] + 1).tolist(),
        repeat(rfc3339(now_ms)),
        before["events"].tolist(),
        (scores.trust_centi / 100.0).tolist(),
        np.round(low, 2).tolist(),
        np.round(high, 2).tolist(),
        np.round(scores.trust.uncertainty, 4).tolist(),
        _or_none(scores.risk_e4 / 10_000.0, known),
        [None if there else ABSENT_REASON for there in known.tolist()],
        repeat(parameters.churn.horizon_days),
        _or_none((scores.trust_centi - before["trust_centi"]) / 100.0, ~first),
        _or_none((scores.risk_e4 - before["risk_e4"]) / 10_000.0, compared),
        [segment.decode() or None for segment in before["segment"].tolist()],
        reasons,
        repeat(model_version),
    )
    return list(zip(keys, map(encode, records), strict=True))


def _or_none(values: Floats, known: NDArray[np.bool_]) -> list[float | None]:
    if known.all():
        return list(values.tolist())
    return [value if there else None for value, there in zip(values.tolist(), known.tolist(), strict=True)]


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
