"""The table of states (README) on columns: which move each slot makes now, and when the next may come.

Conventions:
    m slots of one rule; arrays (m,) unless said otherwise. Times are epoch milliseconds.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stream.alerts.life import Move, rank
from stream.alerts.rules import BELOW, Kind, Rule
from stream.model.columns import Floats, Ints
from stream.state.alerts import State

__all__ = ["UNITS", "Bools", "Lines", "Slots", "lines_of"]

Bools = NDArray[np.bool_]

UNITS: dict[Kind, int] = {"churn_risk_above": 10_000}
"""Values and lines of a kind are whole numbers of such parts, so equality is exact; else of hundredths."""
MS_PER_HOUR = 3_600_000
RETRY_MS = 60_000  # what is held back asks again so often, at most


@dataclass(frozen=True, slots=True)
class Lines:
    """A rule as numbers: `sign * value <= open` opens, `> clear` clears; times in ms, 0 = not at all.

    `trial`: nobody is told of what opens.
    """

    key: int
    sign: float
    open: float
    clear: float
    escalate: float  # nan = never
    severity: int
    top: int
    hold_ms: int
    keep_ms: int
    cool_ms: int
    expire_ms: int
    after_ms: int
    trial: bool


@lru_cache(maxsize=256)
def lines_of(rule: Rule) -> Lines:
    """The numbers of a rule."""
    unit, sign = UNITS.get(rule.kind, 100), 1.0 if rule.kind in BELOW else -1.0
    hours = (
        rule.hold_hours,
        rule.keep_open_hours,
        rule.cooldown_hours,
        rule.expire_days * 24,
        rule.escalate_after_hours or 0.0,
    )
    top = rank(rule.escalate_severity) if rule.escalate_severity else rank(rule.severity)
    hold_ms, keep_ms, cool_ms, expire_ms, after_ms = (round(each * MS_PER_HOUR) for each in hours)
    return Lines(
        key=rule.key,
        sign=sign,
        open=sign * (round(rule.open * unit) / unit),
        clear=sign * (round(rule.clear * unit) / unit),
        escalate=float("nan") if rule.escalate is None else sign * (round(rule.escalate * unit) / unit),
        severity=rank(rule.severity),
        top=max(top, rank(rule.severity)),
        hold_ms=hold_ms,
        keep_ms=keep_ms,
        cool_ms=cool_ms,
        expire_ms=expire_ms,
        after_ms=after_ms,
        trial=rule.mode == "shadow",
    )


@dataclass(slots=True)
class Slots:
    """The m slots of one rule, arrays (m,), and what is known of their customers."""

    lines: Lines
    slots: NDArray[np.void]
    value: Floats
    triggered: Bools
    events: Ints
    last_ms: Ints
    until_ms: Ints
    now_ms: int

    def moves(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The `Move` of each slot, first that applies; and the severity it asks for."""
        lines, slots, now_ms = self.lines, self.slots, self.now_ms
        state, since = slots["state"], slots["since_ms"]
        level = self._level()
        heard = self.events != slots["events"]
        cleared = self.value > lines.clear
        pending, open_ = state == State.PENDING, state == State.OPEN
        recovering, suppressed = state == State.RECOVERING, state == State.SUPPRESSED
        live = _live(state)
        rising = live & (level > slots["severity"])
        if lines.after_ms:
            unheeded = open_ & (slots["severity"] < lines.top) & (now_ms - since >= lines.after_ms)
            level[unheeded] = lines.top
            rising |= unheeded
        kept = now_ms - since >= lines.keep_ms
        starts = self.triggered & self._idle_and_free(level, heard)
        told = (slots["notifications"] > 0) if lines.trial else np.False_
        how = np.select(
            [
                (live | recovering) & told,
                starts,
                pending & ~self.triggered,
                pending & (now_ms - since >= lines.hold_ms),
                suppressed & ~self.triggered,
                suppressed,
                live & cleared & heard,
                live & (now_ms >= self._expiry_ms()),
                rising,
                (state == State.SNOOZED) & (now_ms >= self.until_ms),
                recovering & ~cleared,
                recovering & kept,
            ],
            [
                np.uint8(Move.WITHDRAW),
                np.uint8(Move.WAIT if lines.hold_ms else Move.OPEN),
                np.uint8(Move.RELENT),
                np.uint8(Move.OPEN),
                np.uint8(Move.DROP),
                np.uint8(Move.RELEASE),
                np.uint8(Move.RECOVER if lines.keep_ms else Move.RESOLVE),
                np.uint8(Move.EXPIRE),
                np.uint8(Move.ESCALATE),
                np.uint8(Move.WAKE),
                np.uint8(Move.RELAPSE),
                np.uint8(Move.RESOLVE),
            ],
            default=np.uint8(Move.STAY),
        )
        return how, level

    def due(self) -> Ints:
        """When time alone may move each slot as it is now, 0 = never."""
        lines, slots = self.lines, self.slots
        state, since = slots["state"], slots["since_ms"]
        live, open_ = _live(state), state == State.OPEN
        due = np.where(live, self._expiry_ms(), 0)
        if lines.after_ms:
            waits = open_ & (slots["severity"] < lines.top)
            due[waits] = np.minimum(due[waits], since[waits] + lines.after_ms)
        snoozed = state == State.SNOOZED
        due[snoozed] = np.minimum(due[snoozed], np.maximum(self.until_ms[snoozed], 1))
        due[live & (self._level() > slots["severity"])] = self.now_ms  # it relapsed, and is worse than before
        for waiting, ms in ((State.PENDING, lines.hold_ms), (State.RECOVERING, lines.keep_ms)):
            due[state == waiting] = since[state == waiting] + ms
        due[state == State.SUPPRESSED] = self.now_ms + RETRY_MS
        if lines.cool_ms:
            idle = (state == State.RESOLVED) | (state == State.EXPIRED)
            cooling = idle & self.triggered & (self.now_ms < since + lines.cool_ms)
            due[cooling] = since[cooling] + lines.cool_ms
        return due

    def _level(self) -> NDArray[np.uint8]:
        return np.where(self.value <= self.lines.escalate, self.lines.top, self.lines.severity).astype(
            np.uint8
        )

    def _expiry_ms(self) -> Ints:
        return np.maximum(self.slots["opened_ms"], self.last_ms) + self.lines.expire_ms

    def _idle_and_free(self, level: NDArray[np.uint8], heard: Bools) -> Bools:
        """No alert is there, and neither the cool-down nor an end that waits for news bars one."""
        state, lines = self.slots["state"], self.lines
        resolved = state == State.RESOLVED
        waits = (state == State.EXPIRED) | (resolved & (self.slots["back"] == State.EXPIRED))
        free = (state == State.NONE) | (resolved & ~waits) | (waits & heard)
        if lines.cool_ms:
            cools = (state != State.NONE) & (self.slots["held"] == 0)
            cools &= self.now_ms < self.slots["since_ms"] + lines.cool_ms
            free &= ~cools | (level > self.slots["severity"])
        return free


def _live(state: NDArray[np.uint8]) -> Bools:
    """Open, acknowledged or snoozed."""
    return (state >= State.OPEN) & (state <= State.SNOOZED)
