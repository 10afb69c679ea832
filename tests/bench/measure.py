"""The bench's arithmetic: rates, medians, ranges, ratios, quantiles. Pure; `test_measure.py` checks it."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = [
    "NOISY_CORES",
    "Answers",
    "Mark",
    "Spread",
    "Window",
    "follows",
    "quantiles",
    "ratios",
    "spread",
    "summary",
]


@dataclass(frozen=True, slots=True)
class Mark:
    """What was true at one moment.

    Attributes:
        time_s: monotonic.
        committed: source events whose effects are committed.
        app_cpu_s: CPU time of the job's process since its start.
        broker_cpu_s: of the broker.
        own_cpu_s: of the bench itself.
        busy_cpu_s: of the whole machine, all that is not idle.
    """

    time_s: float
    committed: int
    app_cpu_s: float
    broker_cpu_s: float
    own_cpu_s: float
    busy_cpu_s: float


@dataclass(frozen=True, slots=True)
class Window:
    """From the first look that found events committed to the first that found all of them.

    What was already committed at the first look is not counted: its work was done before the window.
    `middle` is the first look that found half of the events.
    """

    first: Mark
    last: Mark
    middle: Mark | None = None

    @property
    def second_half(self) -> "Window | None":
        """The job once warm; None if the looks were too few to tell."""
        if self.middle is None or self.middle.committed >= self.last.committed:
            return None
        return Window(self.middle, self.last)

    @property
    def seconds(self) -> float:
        """Length; positive."""
        return self.last.time_s - self.first.time_s

    @property
    def events(self) -> int:
        """Committed within it."""
        return self.last.committed - self.first.committed

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def app_us(self) -> float:
        """CPU microseconds of the job per event, all its threads."""
        return (self.last.app_cpu_s - self.first.app_cpu_s) / self.events * 1e6

    @property
    def broker_us(self) -> float:
        """CPU microseconds of the broker per event."""
        return (self.last.broker_cpu_s - self.first.broker_cpu_s) / self.events * 1e6

    @property
    def app_cores(self) -> float:
        """Cores the job kept busy."""
        return (self.last.app_cpu_s - self.first.app_cpu_s) / self.seconds

    @property
    def broker_cores(self) -> float:
        """Cores the broker kept busy."""
        return (self.last.broker_cpu_s - self.first.broker_cpu_s) / self.seconds

    @property
    def foreign_cores(self) -> float:
        """Cores kept busy by anything but job, broker and bench: the noise of the machine. Never below 0."""
        return max(0.0, (_unexplained(self.last) - _unexplained(self.first)) / self.seconds)


def _unexplained(mark: Mark) -> float:
    return mark.busy_cpu_s - mark.app_cpu_s - mark.broker_cpu_s - mark.own_cpu_s


NOISY_CORES = 0.25
"""With more foreign load than this a run is noisy: shown, and not in the median of quiet runs."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Several rounds of one number: with few rounds the whole range says more than a deviation."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Median and range of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(rates: Mapping[str, float], ours: str) -> dict[str, float]:
    """How many times as fast `ours` is as each of the others."""
    return {name: rates[ours] / rate for name, rate in rates.items() if name != ours}


def quantiles(values: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Nearest-rank quantiles of at least one value: each is a value that occurred; share 1 is the largest."""
    ranked = sorted(values)
    return [ranked[max(0, -(-int(share * 1e6) * len(ranked) // 1_000_000) - 1)] for share in shares]


def summary(latencies_s: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and max in milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    found = quantiles(latencies_s, list(shares.values()))
    return {name: round(value * 1000, 2) for name, value in zip(shares, found, strict=True)}


GROWN, GROWN_S = 1.5, 0.1


def follows(latencies_s: Sequence[float], unanswered: int) -> bool:
    """Whether a job keeps up with a steady rate: all answered, and the last quarter waited no longer.

    Args:
        latencies_s: in the order of the answers.
        unanswered: events without an answer when the measurement ended.
    """
    quarter = len(latencies_s) // 4
    if unanswered or not quarter:
        return False
    first, last = median(latencies_s[:quarter]), median(latencies_s[-quarter:])
    return last <= GROWN * first + GROWN_S


@dataclass(slots=True)
class Answers:
    """Pairs events with the scores that cover them, without an event id in the score.

    A score says how many events of its customer are behind it, so the k-th event of a customer is answered by
    the first score that counts k or more.
    """

    latencies_s: list[float] = field(default_factory=list)
    _waiting: dict[str, deque[tuple[int, float, bool]]] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0

    def sent(self, customer: str, due_s: float, *, measured: bool) -> None:
        """Note an event at the moment it was due, which is not later than it was sent."""
        count = self._sent[customer] = self._sent.get(customer, 0) + 1
        self._waiting.setdefault(customer, deque()).append((count, due_s, measured))
        self.unanswered += measured

    def scored(self, customer: str, events: int, seen_s: float) -> None:
        """Note a score: every event of the customer up to the `events`-th is answered."""
        waiting = self._waiting.get(customer)
        while waiting and waiting[0][0] <= events:
            _count, due_s, measured = waiting.popleft()
            if measured:
                self.latencies_s.append(seen_s - due_s)
                self.unanswered -= 1
