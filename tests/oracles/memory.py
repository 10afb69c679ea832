"""What is remembered of one customer after some events: sums, sets and facts that merge in any order."""

import math
from dataclasses import dataclass, field
from typing import Any

from stream.model.parameters import Parameters
from tests.oracles.reading import END_MS, FIRST_MS, SCALE, Event, moment_ms

__all__ = ["CAUSES", "DAY_MS", "Memory", "Promise", "grown"]

LANDMARK_MS = 1_577_836_800_000  # 2020-01-01
DAY_MS = 86_400_000
CAUSES = (  # those that are stored
    *("survey", "effort", "review", "delivery", "ticket", "complaint"),
    *("incident", "breach", "refund", "care", "recovery"),
)
PRIORITIES = [None, "low", "normal", "high", "urgent"]
TIERS = ["standard", "silver", "gold", "platinum"]
CHANNELS = ["web", "app", "store", "phone", "email", "chat", "social", "other"]
# Numbers of graded feedback as they stand in rows: answers first, each scale from its lowest.
FIRST_ANSWER = {"nps": 1, "csat": 12, "ces1": 17, "ces2": 22}
COMPLAINTS = {"reopened": 34, "escalated": 35}
INCIDENTS = {"minor": 36, "major": 37, "critical": 38}
OTHER_FEEDBACK = {"refund": 42, "return": 43, "apology": 47, "compensation": 48, "chargeback": 49}
KEPT_DAYS = 92


def grown(weight: float, time_ms: int, half_life_ms: float) -> float:
    """Weight in landmark units: w 2^((t - L)/h), rounded to 20 binary digits."""
    mantissa, exponent = math.frexp(weight * 2.0 ** ((time_ms - LANDMARK_MS) / half_life_ms))
    return math.ldexp(round(mantissa * 2**20), exponent - 20)


def second(time_ms: int) -> int:
    """Seconds since 1990, counted from 1."""
    return (time_ms - FIRST_MS) // 1000 + 1


def second_of(text: str | None) -> int | None:
    """The same of a written time; a time outside 1990-2100 says nothing."""
    time_ms = None if text is None else moment_ms(text)
    return None if time_ms is None or not FIRST_MS <= time_ms < END_MS else second(time_ms)


@dataclass(slots=True)
class Promise:
    """Facts of one ticket or delivery, times in seconds; None = not known."""

    kind: str
    opened: int | None = None
    due: int | None = None
    replied: int | None = None
    closed: int | None = None
    reopened: int | None = None
    failed: bool = False
    priority: int = 0
    channels: int = 0

    @property
    def is_closed(self) -> bool:
        """Closed, and not opened again since."""
        return self.closed is not None and (self.reopened is None or self.closed >= self.reopened)

    def deliver(self, status: str, at: int, due: int | None) -> None:
        if status != "promised":
            self.closed = at if self.closed is None else min(at, self.closed)
            self.failed |= status == "failed"
        elif due is not None:
            first = (at, due)
            if self.opened is not None and self.due is not None:
                first = min(first, (self.opened, self.due))
            self.opened, self.due = first

    def serve(self, status: str, at: int, due: int | None, priority: int) -> None:
        self.priority = max(self.priority, priority)
        if status == "opened":
            self.opened = at if self.opened is None else min(at, self.opened)
            if due is not None:
                self.due = due if self.due is None else min(due, self.due)
        elif status == "first_reply":
            self.replied = at if self.replied is None else min(at, self.replied)
        elif status == "resolved":
            self.closed = max(at, self.closed or 0)
        elif status == "reopened":
            self.reopened = max(at, self.reopened or 0)

    def ticket_due(self, p: Parameters) -> float | None:
        """When the ticket should be solved: as given, else by priority."""
        if self.due is not None or self.opened is None:
            return self.due
        hours: float = getattr(p.promises.resolution_due_hours, PRIORITIES[self.priority] or "normal")
        return self.opened + hours * 3600.0

    def grades(self, p: Parameters) -> list[tuple[str, float, float, int]]:
        """(cause, v, weight, second) of what is settled."""
        rules, w = p.promises, p.statistics.weight
        if self.kind == "delivery":
            if not self.is_closed or self.closed is None or (self.due is None and not self.failed):
                return []
            if self.failed or self.due is None:
                value = -1.0
            elif self.closed <= self.due:
                value = rules.on_time_value
            else:
                days_late = (self.closed - self.due) / 86_400.0
                value = max(rules.late_value + rules.late_value_per_day * days_late, -1.0)
            return [("delivery", value, w.delivery, self.closed)]
        if self.opened is None:
            return []
        found = []
        if self.replied is not None:
            hours: float = getattr(rules.reply_due_hours, PRIORITIES[self.priority] or "normal")
            ratio = 1.0 - (self.replied - self.opened) / (hours * 3600.0)
            found.append(("ticket", max(-1.0, min(1.0, ratio)), w.first_reply, self.replied))
        if self.is_closed and self.closed is not None:
            due = self.ticket_due(p)
            assert due is not None
            ratio = 1.0 - (self.closed - self.opened) / max(due - self.opened, 1.0)
            found.append(("ticket", max(-1.0, min(1.0, ratio)), w.resolution, self.closed))
        return found

    def overdue(self, now_ms: int, p: Parameters) -> float:
        """Evidence against us of an open promise past its time."""
        late_s = self.late_s(now_ms, p)
        half_s = p.promises.overdue_half_days * 86_400.0
        return p.promises.overdue_weight * (1.0 - math.pow(2.0, -late_s / half_s))

    def late_s(self, now_ms: int, p: Parameters) -> float:
        """Seconds by which an open promise is past its time, 0 if it is not."""
        due = self.ticket_due(p) if self.kind == "ticket" else self.due
        if self.opened is None or self.is_closed or due is None:
            return 0.0
        return max((now_ms - FIRST_MS) / 1000.0 + 1.0 - due, 0.0)


@dataclass(slots=True)
class Memory:
    """One customer. `good` and `bad` are evidence in landmark units by cause, promises not included.

    `exceptions`: what may force a band, with the second at which it happened last.
    """

    good: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    bad: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    engagement_short: float = 0.0
    engagement_long: float = 0.0
    payment_failures: float = 0.0
    amounts: dict[str, int] = field(default_factory=dict)
    channels: int = 0
    feedback: list[tuple[int, int]] = field(default_factory=list)
    days: set[int] = field(default_factory=set)
    promises: dict[tuple[str, str], Promise] = field(default_factory=dict)
    settled: dict[tuple[str, str], list[tuple[str, float, float]]] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    profile: dict[str, tuple[int, Any]] = field(default_factory=dict)
    exceptions: dict[str, int] = field(default_factory=dict)
    first_s: int = 0
    last_s: int = 0
    events: int = 0

    def apply(self, event: Event, p: Parameters) -> None:
        """Take one accepted event in."""
        at = second(event.time_ms)
        self.events += 1
        self.first_s = min(self.first_s or at, at)
        if event.type not in ("recovery", "profile"):  # ours, not theirs: they end no silence
            self.last_s = max(self.last_s, at)
        if event.body.get("kind") == "chargeback":
            self.exceptions["chargeback"] = max(at, self.exceptions.get("chargeback", 0))
        if event.body.get("severity") == "critical":
            self.exceptions["critical_incident"] = max(at, self.exceptions.get("critical_incident", 0))
        for cause, value, weight in graded(event, p):
            good, bad = self.terms(cause, value, weight, event.time_ms, p)
            self.good[cause] += good
            self.bad[cause] += bad
        body = event.body
        if number := feedback_number(event):
            self.feedback.append((at // 64, number))
        if event.type == "purchase":
            self.days.add((event.time_ms - FIRST_MS) // DAY_MS)
            currency = body["currency"]
            currency = currency.upper() if currency.isascii() and currency.isalpha() else "???"
            self.amounts[currency] = self.amounts.get(currency, 0) + round(body["amount"] * 10_000.0)
            self.channels |= channel(body["channel"])
        elif event.type == "payment" and body["status"] == "failed":
            days = p.statistics.payment_failure_days
            self.payment_failures += grown(1.0, event.time_ms, days * DAY_MS)
        elif event.type == "engagement":
            self._engage(body["kind"], event.time_ms, at, p)
        elif event.type == "subscription":
            renewed = {"started": "renewed", "renewed": "renewed", "cancel_requested": "cancel"}
            self._late(renewed.get(body["status"], "ended"), at)
            self._late("term_end", second_of(body["term_end"]))
        elif event.type == "profile":
            self._describe(at, body)
        elif event.type in ("delivery", "ticket"):
            self._promise(event.type, at, body, p)

    @staticmethod
    def terms(cause: str, value: float, weight: float, time_ms: int, p: Parameters) -> tuple[float, float]:
        """(good, bad) that graded feedback adds, in landmark units."""
        half_life_ms = getattr(p.statistics.half_life_days, cause) * DAY_MS
        good = grown((1.0 + value) / 2.0 * weight, time_ms, half_life_ms)
        return good, grown((1.0 - value) / 2.0 * weight, time_ms, half_life_ms)

    def recent_feedback(self) -> list[tuple[int, int]]:
        """(64 s since 1990, number) within 92 days of the latest, latest first, at most 254."""
        ordered = sorted(self.feedback, reverse=True)
        young = [each for each in ordered if ordered[0][0] - each[0] <= KEPT_DAYS * 86_400 // 64]
        return young[:254]

    def _engage(self, kind: str, time_ms: int, at: int, p: Parameters) -> None:
        if kind in ("unsubscribed", "resubscribed"):
            self._late(kind, at)
        if kind != "unsubscribed":
            self.engagement_short += grown(1.0, time_ms, p.statistics.engagement_short_days * DAY_MS)
            self.engagement_long += grown(1.0, time_ms, p.statistics.engagement_long_days * DAY_MS)

    def _late(self, name: str, at: int | None) -> None:
        if at is not None:
            self.latest[name] = max(at, self.latest.get(name, 0))

    def _describe(self, at: int, body: dict[str, Any]) -> None:
        """Each attribute by itself: the latest that was given; an absent field says nothing new."""
        for name in ("segment", "tier", "locale"):
            value = body[name]
            if name == "locale" and value is not None and len(value.encode()) > 8:
                continue  # the contract bounds its characters; eight bytes hold every locale that there is
            if value is not None:
                rank = TIERS.index(value) + 1 if name == "tier" else value
                self.profile[name] = max((at, rank), self.profile.get(name, (0, rank)))

    def _promise(self, kind: str, at: int, body: dict[str, Any], p: Parameters) -> None:
        if body["status"] in ("escalated", "shipped"):
            return
        key = (kind, body[f"{kind}_id"])
        promise = self.promises.setdefault(key, Promise(kind))
        if kind == "delivery":
            promise.deliver(body["status"], at, second_of(body["promised_at"]))
        else:
            promise.serve(body["status"], at, second_of(body["due_at"]), PRIORITIES.index(body["priority"]))
            promise.channels |= channel(body["channel"])
        self.settled[key] = [
            (cause, *self.terms(cause, value, weight, (when - 1) * 1000 + FIRST_MS, p))
            for cause, value, weight, when in promise.grades(p)
        ]


def channel(name: str | None) -> int:
    """The bit of a channel; every name that is not listed is "other"."""
    if name is None:
        return 0
    return 1 << CHANNELS.index(name.lower() if name.lower() in CHANNELS else "other")


def feedback_number(event: Event) -> int:
    """The number of graded feedback, 0 for other events."""
    body = event.body
    match event.type:
        case "survey":
            return FIRST_ANSWER[body["instrument"]] + int(body["score"]) - SCALE[body["instrument"]][0]
        case "review":
            return 28 + int(body["rating"])
        case "ticket":
            return COMPLAINTS.get(body["status"], 0)
        case "incident":
            return INCIDENTS[body["severity"]] + (3 if body["kind"] == "breach" else 0)
        case "refund" | "recovery":
            return OTHER_FEEDBACK[body["kind"]]
        case "loyalty":
            return 45 if body["kind"] in ("left", "tier_down") else 44
        case "referral":
            return 46
    return 0


def graded(event: Event, p: Parameters) -> list[tuple[str, float, float]]:
    """(cause, v in [-1, 1], weight) of what an event says by itself."""
    w, body = p.statistics.weight, event.body
    match event.type:
        case "survey":
            low, high = SCALE[body["instrument"]]
            value = (body["score"] - (low + high) / 2) / ((high - low) / 2)
            if body["instrument"] in ("nps", "csat"):
                return [("survey", value, w.survey)]
            return [("effort", -value if body["instrument"] == "ces1" else value, w.effort)]
        case "review":
            return [("review", (body["rating"] - 3) / 2, w.review)]
        case "ticket" if body["status"] in ("reopened", "escalated"):
            return [("complaint", -1.0, getattr(w, body["status"]))]
        case "incident":
            cause = "breach" if body["kind"] == "breach" else "incident"
            return [(cause, -1.0, getattr(w, f"incident_{body['severity']}"))]
        case "refund":
            weight = {"refund": w.refund, "return": w.returned, "chargeback": w.chargeback}[body["kind"]]
            return [("refund", -1.0, weight)]
        case "loyalty":
            if body["kind"] in ("left", "tier_down"):
                return [("care", -1.0, w.loyalty_left)]
            return [("care", 1.0, w.loyalty)]
        case "referral":
            return [("care", 1.0, w.referral)]
        case "recovery":
            return [("recovery", 1.0, getattr(w, body["kind"]))]
    return []
