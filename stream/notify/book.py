"""The alerts as the topic has them: the latest of each key, those that people see, and when each changed.

Pure. One for the whole process: every Alertmanager is shown the same book, each from where it has got to.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.alert import AlertV1
from stream.notify.told import OVER, is_shown
from stream.pipeline.times import to_ms

__all__ = ["Book", "Entry"]

Labels = dict[str, str]


@dataclass(slots=True)
class Entry:
    """One set of labels that Alertmanager has, or is to have.

    Attributes:
        labels: its identity there; the same for one episode at one severity.
        annotations: everything else that is said.
        starts_ms: when it opened.
        ends_ms: when it was over; None while it is not.
        seen_ms: when we learned that it is over; None while it is not.
        version: of the book, when this entry changed last.
        alert: the latest of its key.
        partition: that it lies in.
    """

    labels: Labels
    annotations: Labels
    starts_ms: int
    ends_ms: int | None
    seen_ms: int | None
    version: int
    alert: AlertV1
    partition: int


class Book:
    """Fed in the order of the log.

    As long as it is not `live` the log is being read again: then an end is taken to have been seen when it
    happened, so that history is not shown.

    Args:
        label: an alert's labels, a pure function of it.
        annotate: its annotations.
        keep_ms: for how long what is over is still shown as over.
    """

    def __init__(
        self, label: Callable[[AlertV1], Labels], annotate: Callable[[AlertV1], Labels], keep_ms: int
    ) -> None:
        self.live = False
        self.version = 1
        self.snoozes = 1  # the version that last changed what is snoozed
        self._label, self._annotate, self._keep_ms = label, annotate, keep_ms
        self._seq: dict[str, int] = {}
        self._open: dict[str, Entry] = {}
        self._over: dict[frozenset[tuple[str, str]], Entry] = {}

    def __len__(self) -> int:
        """Alerts that people see."""
        return len(self._open)

    def knows(self, dedup_key: str) -> bool:
        """Whether the topic has an alert of this key, in whatever state."""
        return dedup_key in self._seq

    def get(self, dedup_key: str) -> AlertV1 | None:
        """The alert of a key, if people see it."""
        entry = self._open.get(dedup_key)
        return entry.alert if entry else None

    def alerts(self, partition: int | None = None) -> Iterator[AlertV1]:
        """All that people see, or those of one partition."""
        for entry in self._open.values():
            if partition is None or entry.partition == partition:
                yield entry.alert

    def take(self, partition: int, alert: AlertV1, now_ms: int) -> bool:
        """The next record of an alert; False if it is older than what is known and was dropped."""
        key = alert.dedup_key
        if alert.seq <= self._seq.get(key, 0):
            return False
        self._seq[key] = alert.seq
        before = self._open.get(key)
        if alert.snooze or (before and before.alert.snooze):
            self.snoozes = self.version + 1
        if not is_shown(alert):
            ended_ms = to_ms(alert.resolved_at or alert.state_since)
            self._close(partition, alert, min(ended_ms, now_ms), now_ms)
            return True
        assert alert.opened_at is not None
        labels = self._label(alert)
        if before and before.alert.episode == alert.episode and before.alert.severity == alert.severity:
            labels = before.labels  # a tier that changed meanwhile would be another alert
        elif before and before.labels != labels:
            risen_ms = now_ms if self.live else min(to_ms(alert.state_since), now_ms)
            self._close(partition, before.alert, risen_ms, now_ms)
        self.version += 1
        self._over.pop(frozenset(labels.items()), None)  # it is back
        starts_ms = to_ms(alert.opened_at)
        said = self._annotate(alert)
        self._open[key] = Entry(labels, said, starts_ms, None, None, self.version, alert, partition)
        return True

    def forget(self, dedup_key: str, now_ms: int) -> None:
        """The key was deleted from the topic: what was shown of it is over, and nothing more is said."""
        self._seq.pop(dedup_key, None)
        entry = self._open.pop(dedup_key, None)
        if entry is not None:
            self.snoozes = self.version + 1
            entry.annotations = {}
            self._end(entry, now_ms, now_ms)

    def shown(self, now_ms: int, since: int = 0) -> list[Entry]:
        """What Alertmanager is to be shown: all that is open, and what was over not long ago.

        Args:
            now_ms: the wall's.
            since: only what changed after this version.
        """
        old = [key for key, each in self._over.items() if now_ms - (each.seen_ms or 0) > self._keep_ms]
        for key in old:
            del self._over[key]
        both = (*self._over.values(), *self._open.values())
        return [each for each in both if each.version > since]

    def _close(self, partition: int, alert: AlertV1, ended_ms: int, now_ms: int) -> None:
        """Whatever is shown under the key is over; or it is long so, and was open when we did not look."""
        entry = self._open.pop(alert.dedup_key, None)
        if entry is not None:
            entry.annotations, entry.alert = self._annotate(alert), alert
            self._end(entry, ended_ms, now_ms if self.live else ended_ms)
        elif _was_shown(alert) and alert.opened_at and now_ms - ended_ms <= self._keep_ms:
            starts_ms = to_ms(alert.opened_at)
            said = self._annotate(alert)
            late = Entry(self._label(alert), said, starts_ms, None, None, 0, alert, partition)
            self._end(late, ended_ms, ended_ms)

    def _end(self, entry: Entry, ended_ms: int, seen_ms: int) -> None:
        self.version += 1
        entry.ends_ms, entry.seen_ms, entry.version = ended_ms, seen_ms, self.version
        self._over[frozenset(entry.labels.items())] = entry


def _was_shown(alert: AlertV1) -> bool:
    """Whether an alert that is over was one that people saw."""
    return alert.state in OVER and alert.mode == "live" and alert.resolve_reason != "never_opened"
