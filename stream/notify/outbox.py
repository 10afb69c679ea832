"""What one sink is still to be told, and what it was told: in order for one alert, each transition once.

Pure: the ledger's rows and the alerts' records in, notifications out. A sink's first start sets a baseline
per partition: of what lies before it, only what is still open is told.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from schemas.alert import AlertV1
from stream.notify.retry import Backoff
from stream.notify.sink import Delivered, Notification, Outcome, Refused, Retry
from stream.notify.told import Mark, kind_of
from stream.pipeline.times import to_ms

__all__ = ["Outbox", "Settled", "Waiting"]

PATIENT = Backoff(first_ms=1_000, cap_ms=300_000)
IDLE_MS = 200
"""Least wait where nothing was tried."""


@dataclass(slots=True)
class Waiting:
    """One notification that is not told yet.

    `tries` counts the failed ones; it is not tried again before `after_ms`.
    """

    partition: int
    offset: int
    notification: Notification
    tries: int = 0
    after_ms: int = 0

    @property
    def mark(self) -> Mark:
        """What the ledger says once it is told."""
        alert = self.notification.alert
        return Mark(alert.seq, alert.episode, alert.severity)


@dataclass(frozen=True, slots=True)
class Settled:
    """Over and done: told, or never to be told and why (`cause`: `refused` or `gave_up`)."""

    waiting: Waiting
    cause: str | None = None
    reason: str = ""

    @property
    def mark(self) -> Mark:
        """What the ledger says of it."""
        return replace(self.waiting.mark, taken=self.cause is None)


@dataclass(slots=True)
class Outbox:
    """Of one sink.

    Attributes:
        reference: what is shown instead of a customer's id.
        tries: after so many failures a notification is given up.
        backoff: waits between them.
        marks: what was told last of each alert.
        again: of which alerts a dead letter was sent again, and its `seq`.
        baselines: where the sink began, by partition.
    """

    reference: Callable[[AlertV1], str]
    tries: int
    backoff: Backoff = PATIENT
    marks: dict[str, Mark] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    baselines: dict[int, int] = field(default_factory=dict)
    _waiting: dict[int, dict[str, list[Waiting]]] = field(default_factory=dict)
    _turn: int = 0

    def __len__(self) -> int:
        """Notifications that are not told yet, of all partitions."""
        return sum(len(each) for keys in self._waiting.values() for each in keys.values())

    def begin(self, partition: int, offset: int, shown: Iterable[AlertV1]) -> None:
        """Set a partition's baseline: of what was read before, what is open is to be told.

        Args:
            partition: of the alerts.
            offset: the next one to be read.
            shown: alerts of the partition that people see now.
        """
        self.baselines[partition] = offset
        for alert in shown:
            self._collapse(partition, offset - 1, alert)

    def take(self, partition: int, offset: int, alert: AlertV1) -> None:
        """The next record of the alerts; ignored as long as the partition has no baseline."""
        baseline = self.baselines.get(partition)
        if baseline is None:
            return
        if offset < baseline:
            self._collapse(partition, offset, alert)
            return
        queue = self._waiting.get(partition, {}).get(alert.dedup_key)
        told = queue[-1].mark if queue else self.marks.get(alert.dedup_key)
        self._add(partition, offset, alert, told)

    def learn(self, partition: int, dedup_key: str, mark: Mark) -> None:
        """A row of the ledger: so much was told, by this process or another."""
        known = self.marks.get(dedup_key)
        if known is not None and (known.seq, known.taken) >= (mark.seq, mark.taken):
            return
        self.marks[dedup_key] = mark
        keys = self._waiting.get(partition, {})
        left = [each for each in keys.pop(dedup_key, ()) if each.notification.alert.seq > mark.seq]
        if left:
            keys[dedup_key] = left

    def forget(self, partition: int, dedup_key: str) -> bool:
        """The alert was deleted: nothing more is said of it. True if the ledger has a row, or gets one."""
        waited = self._waiting.get(partition, {}).pop(dedup_key, None) is not None
        self.again.pop(dedup_key, None)
        return self.marks.pop(dedup_key, None) is not None or waited

    def waits(self, partition: int, dedup_key: str) -> bool:
        """Whether something is still to be told of an alert."""
        return bool(self._waiting.get(partition, {}).get(dedup_key))

    def holds(self, waiting: Waiting) -> bool:
        """Whether it still waits: not if its alert was deleted, or another process told of it."""
        return waiting in self._waiting.get(waiting.partition, {}).get(
            waiting.notification.alert.dedup_key, ()
        )

    def oldest_ms(self, partitions: Collection[int]) -> int | None:
        """When the oldest transition happened that waits in these partitions."""
        heads = (queue[0] for number in partitions for queue in self._waiting.get(number, {}).values())
        return min((to_ms(each.notification.alert.state_since) for each in heads), default=None)

    def due(self, partitions: Collection[int], now_ms: int, most: int) -> list[Waiting]:
        """What may be tried now: the first one of each alert, those of a partition that waited longest first.

        Partitions have their turn one after the other, and another one is first each time: a storm in one of
        them holds up its own alerts alone.
        """
        turns = deque(self._due(number, now_ms) for number in sorted(partitions))
        turns.rotate(-self._turn)
        self._turn += 1
        found: list[Waiting] = []
        while turns and len(found) < most:
            heads = turns.popleft()
            if (head := next(heads, None)) is not None:
                found.append(head)
                turns.append(heads)
        return found

    def answered(self, waiting: Waiting, outcome: Outcome, now_ms: int, chance: float) -> Settled | None:
        """What came of a try: settled, to be written to the ledger and then to `learn`; or None: again later.

        Args:
            waiting: from `due`.
            outcome: of the sink.
            now_ms: the wall's.
            chance: uniform in [0, 1], for the jitter.
        """
        if isinstance(outcome, Delivered):
            return Settled(waiting)
        if isinstance(outcome, Refused):
            return Settled(waiting, "refused", outcome.reason)
        assert isinstance(outcome, Retry)
        wait_ms = IDLE_MS
        if outcome.counts:
            waiting.tries += 1
            if waiting.tries >= self.tries:
                return Settled(waiting, "gave_up", f"{waiting.tries} tries: {outcome.reason}")
            wait_ms = max(wait_ms, self.backoff.wait_ms(waiting.tries, chance))
        waiting.after_ms = now_ms + max(wait_ms, round(outcome.after_s * 1000))
        keys = self._waiting.get(waiting.partition, {})
        key = waiting.notification.alert.dedup_key
        if key in keys:
            keys[key] = keys.pop(key)  # to the end: the others have their turn
        return None

    def _due(self, partition: int, now_ms: int) -> Iterator[Waiting]:
        queues = self._waiting.get(partition, {}).values()
        return (queue[0] for queue in queues if queue[0].after_ms <= now_ms)

    def _collapse(self, partition: int, offset: int, alert: AlertV1) -> None:
        """History: only what the latest record says is told."""
        self._waiting.get(partition, {}).pop(alert.dedup_key, None)
        self._add(partition, offset, alert, self.marks.get(alert.dedup_key))

    def _add(self, partition: int, offset: int, alert: AlertV1, told: Mark | None) -> None:
        kind = kind_of(alert, told)
        if kind is None:
            return
        key = f"{alert.dedup_key}:{alert.seq}"
        notification = Notification(key, alert, kind, self.reference(alert))
        queue = self._waiting.setdefault(partition, {}).setdefault(alert.dedup_key, [])
        queue.append(Waiting(partition, offset, notification))
