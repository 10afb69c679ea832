"""Which of the alerts that would open are held back: too many for people, or doubt about the data.

Conventions:
    One `Storm` per partition: plain counts, kept beside the position: a restart begins no budget anew.
    Reasons are those of the contract (`schemas.alert.Suppressed`), as numbers from 1; 0 lets an alert open.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from schemas.alert import Suppressed
from stream.alerts import rules
from stream.state.storm import Storm

__all__ = ["BEHIND", "BUDGET", "HELD", "MASS_DROP", "MINUTE_MS", "STALE", "Gate", "drops"]

HELD: tuple[Suppressed, ...] = get_args(Suppressed)
BUDGET, MASS_DROP, STALE, BEHIND = (
    HELD.index(name) + 1 for name in ("budget", "mass_drop", "stale", "behind")
)
MINUTE_MS = 60_000
MS_PER_HOUR = 3_600_000


@dataclass(slots=True)
class Gate:
    """Decides for one evaluation; writes what it decides into `storm`.

    Attributes:
        storm: of the partition.
        limits: of the rules file.
        customers: that the partition holds.
        now_ms: time the scores hold at.
        wall_ms: the wall's.
        newest_ms: time of the partition's newest event, 0 if there is none.
        segment: (n,) of the customers evaluated.
        worth: value at risk of some of them, nan where unknown: who goes first when not all can.
    """

    storm: Storm
    limits: rules.Storm
    customers: int
    now_ms: int
    wall_ms: int
    newest_ms: int
    segment: NDArray[np.bytes_]
    worth: Callable[[NDArray[np.int64]], NDArray[np.float64]]

    def __call__(self, rule: rules.Rule, chosen: NDArray[np.int64], *, released: bool) -> NDArray[np.uint8]:
        """Why each of some would-be openings is held back, 0 where it is not; shape (len(chosen),).

        Args:
            rule: that would open.
            chosen: which of the n customers.
            released: they are held back already, and did not cross just now.
        """
        result = np.zeros(len(chosen), np.uint8)
        if not len(chosen):
            return result
        if (doubt := self._doubt()) != 0:
            result[:] = doubt
            return result
        live = rule.mode == "live"  # of a rule on trial nobody is told, nor of how many it holds for
        if live and not released:
            self._cross(rule, len(chosen))
        if self.storm.since_ms or (live and self._falls(rule)):
            result[:] = MASS_DROP
            return result
        if live and self.limits.budget_per_minute:
            result[self._beyond_budget(chosen)] = BUDGET
        return result

    def _doubt(self) -> int:
        """The scores are not those of now, or nothing has come for so long that silence is ours."""
        behind_ms, stale_ms = self.limits.behind_minutes * MINUTE_MS, self.limits.stale_hours * MS_PER_HOUR
        if behind_ms and self.wall_ms - self.now_ms > behind_ms:
            return BEHIND
        return STALE if stale_ms and self.now_ms - self.newest_ms > stale_ms else 0

    def _cross(self, rule: rules.Rule, n: int) -> None:
        minute = self.now_ms // MINUTE_MS
        since = minute - self.limits.mass_drop_minutes
        recent = [(when, count) for when, count in self.storm.crossed.get(rule.id, ()) if when > since]
        if recent and recent[-1][0] == minute:
            n += recent.pop()[1]
        self.storm.crossed[rule.id] = [*recent, (minute, n)]

    def _falls(self, rule: rules.Rule) -> bool:
        """So many of the customers crossed lately that it cannot be the customers; opens the alert on it."""
        n = sum(count for _when, count in self.storm.crossed.get(rule.id, ()))
        percent = 100.0 * n / max(1, self.customers)
        most = self.limits.mass_drop_percent
        if not most or percent <= most or n < self.limits.mass_drop_least:
            return False
        self.storm.since_ms, self.storm.rule, self.storm.share = self.now_ms, rule.id, round(percent, 2)
        self.storm.episode, self.storm.seq = self.storm.episode + 1, self.storm.seq + 1
        return True

    def _beyond_budget(self, chosen: NDArray[np.int64]) -> list[int]:
        """Those for whom the minute's budget of their segment has no place; the most worth goes first."""
        minute = self.now_ms // MINUTE_MS
        if minute != self.storm.minute:
            self.storm.minute, self.storm.opened = minute, {}
        names = self.segment[chosen]
        left = {
            name: self.limits.budget_per_minute - self.storm.opened.get(name.decode(), 0)
            for name in set(names.tolist())
        }
        if all(left[name] >= n for name, n in Counter(names.tolist()).items()):
            worth = np.zeros(len(chosen))  # all can: nobody asks what they are worth
        else:
            worth = np.nan_to_num(self.worth(chosen))
        beyond = []
        for i in np.argsort(-worth, kind="stable").tolist():
            name = names[i].decode()
            opened = self.storm.opened.get(name, 0)
            if opened >= self.limits.budget_per_minute:
                beyond.append(i)
            else:
                self.storm.opened[name] = opened + 1
        return beyond


def drops(storm: Storm, limits: rules.Storm, customers: int, away: int) -> bool:
    """Whether the alert about the data stays open, while so many of those who crossed are not back.

    It is over when they are half as many as the least that may open it: the data were corrected. A person
    who knows the data to be right ends it with a command.
    """
    least = min(limits.mass_drop_least, limits.mass_drop_percent / 100.0 * customers)
    return bool(storm.since_ms) and away > least / 2
