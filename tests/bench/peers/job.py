"""The peers' job, once for all Python peers: the very formulas of `faust_stock.py`, on dicts.

It is much simpler than ours: two decayed sums, a ratio and a logistic, two thresholds; no interval, no
reasons, no deduplication, no promises kept or broken, no sweep of silent customers. One score per event.

It is also the judge of every peer: `verify.py` folds the workload with it and compares each customer's last
score and the number of alerts, of stock Faust and of the Java program too.
"""

from datetime import datetime
from math import exp, log1p
from typing import Any

__all__ = ["step"]

HALF_LIFE_S = 30 * 86_400.0
LOW, HIGH = 35.0, 45.0
PRIORITY = {"low": 0.5, "normal": 1.0, "high": 1.5, "urgent": 2.0}

Fields = dict[str, Any]


def step(state: Fields | None, event: Fields) -> tuple[Fields, Fields, Fields | None]:
    """One event of one customer.

    Args:
        state: of the customer, changed in place; None for a new one. JSON can hold it.
        event: as it was decoded.

    Returns:
        state, score, and an alert if one opened or resolved.
    """
    now_s = datetime.fromisoformat(event["occurred_at"]).timestamp()
    if state is None:
        state = {
            "good": 0.0,
            "bad": 0.0,
            "events": 0,
            "purchases": 0,
            "at_s": now_s,
            "bought_s": now_s,
            "alerted": False,
        }
    _apply(state, event, now_s)
    good, bad = state["good"], state["bad"]
    trust = 100.0 * (good + 1.0) / (good + bad + 2.0)
    silent_days = (now_s - state["bought_s"]) / 86_400.0
    logit = -1.0 + 0.8 * bad - 0.6 * good - 0.3 * log1p(state["purchases"]) + 0.02 * silent_days
    head = {"customer_id": event["customer_id"], "event_id": event["event_id"], "as_of": now_s}
    score = {**head, "events": state["events"], "trust": trust, "churn_risk": 1.0 / (1.0 + exp(-logit))}
    if not (trust > HIGH if state["alerted"] else trust < LOW):
        return state, score, None
    state["alerted"] = not state["alerted"]
    return state, score, {**head, "state": "open" if state["alerted"] else "resolved", "trust": trust}


def _apply(state: Fields, event: Fields, now_s: float) -> None:
    weight = 1.0
    if now_s > state["at_s"]:
        faded = 2.0 ** ((state["at_s"] - now_s) / HALF_LIFE_S)
        state["good"] *= faded
        state["bad"] *= faded
        state["at_s"] = now_s
    else:
        weight = 2.0 ** ((now_s - state["at_s"]) / HALF_LIFE_S)
    state["events"] += 1
    kind = event["type"]
    if kind == "purchase":
        state["purchases"] += 1
        state["good"] += weight * (0.5 + min(event["amount"], 100.0) / 100.0)
        state["bought_s"] = max(state["bought_s"], now_s)
    elif kind == "ticket":
        if event["status"] == "opened":
            state["bad"] += weight * PRIORITY.get(event["priority"], 1.0)
    elif kind == "delivery":
        if event["status"] == "failed":
            state["bad"] += weight
        elif event["status"] == "arrived":
            state["good"] += weight * 0.5
    elif kind == "survey":
        if event["score"] >= 9:
            state["good"] += weight
        elif event["score"] <= 6:
            state["bad"] += weight
