"""A seeded schedule of faults under steady load, then the verdict of the oracle.

The same seed gives the same faults in the same order. After each fault the next waits until work is committed
again, so that every fault meets a working system and its stall is measured.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from stream.config import Settings
from stream.engine.committed import open_committed
from stream.engine.feed import open_feed
from stream.errors import BrokerError
from stream.local.broker import LocalKafka
from tests.fault.history import Message
from tests.integration.engine.process import REAL, WorkerProcess

__all__ = ["KINDS", "Fault", "Soak"]

STALL_LIMIT_S = 120.0
Break = Callable[["Soak", random.Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the schedule and how long nothing was committed because of it."""

    number: int
    kind: str
    at_s: float
    stall_s: float


@dataclass(slots=True)
class Soak:
    """Workers and broker under fault.

    Attributes:
        settings: shared by all workers.
        kafka: the broker, ours to break.
        directory: logs of the workers.
        workers: those that should run; a dead one is started again, as under any supervisor.
        ended_by_itself: workers that gave up with a reason (watchdog, resets).
    """

    settings: Settings
    kafka: LocalKafka
    directory: Path
    workers: list[WorkerProcess] = field(default_factory=list)
    ended_by_itself: int = 0
    sent: int = 0

    async def start_worker(self) -> None:
        """One more worker, ready."""
        log = self.directory / f"worker{len(self.workers)}.log"
        worker = WorkerProcess(self.settings, log, REAL, KIZUNA_SWEEP_INTERVAL_S="5")
        self.workers.append(worker)
        await asyncio.to_thread(worker.wait_ready, 90)

    async def revive(self) -> None:
        """Start again whoever has ended."""
        dead = [worker for worker in self.workers if worker.process.poll() is not None]
        for worker in dead:
            self.workers.remove(worker)
            await self.start_worker()

    def end(self) -> None:
        """Leave no worker running, frozen ones included."""
        for worker in self.workers:
            worker.kill()

    async def feed(self, messages: list[Message], per_s: int, stop: asyncio.Event) -> None:
        """Send at a steady rate until told to stop; waits for a broker that is away."""
        began = monotonic()
        async with open_feed(self.settings.model_copy(update={"request_timeout_s": 120.0})) as sender:
            for number, (key, value) in enumerate(messages):
                await sender.send(key, value)
                self.sent += 1
                if number % 20 == 0:
                    await sender.post()
                    await asyncio.sleep(max(0.0, began + number / per_s - monotonic()))
                    if stop.is_set():
                        return

    async def committed(self) -> int | None:
        """Source records committed; None while Kafka is away."""
        try:
            async with asyncio.timeout(10):
                async with open_committed(self.settings) as reader:
                    return (await reader.done())[0]
        except (BrokerError, TimeoutError):
            return None

    async def inject(self, number: int, kind: str, chance: random.Random, began: float) -> Fault:
        """Break something, then wait until something is committed again."""
        before = await self.committed() or 0
        at = monotonic()
        await KINDS[kind](self, chance)
        while (done := await self.committed()) is None or done <= before:
            if monotonic() - at > STALL_LIMIT_S:
                raise TimeoutError(f"nothing committed for {STALL_LIMIT_S:.0f} s after {kind}")
            gone = [worker for worker in self.workers if worker.process.poll() is not None]
            self.ended_by_itself += len(gone)
            await self.revive()
            await asyncio.sleep(0.2)
        return Fault(number, kind, round(at - began, 1), round(monotonic() - at, 1))


async def _kill(soak: Soak, chance: random.Random) -> None:
    chance.choice(soak.workers).kill()
    await soak.revive()


async def _terminate(soak: Soak, chance: random.Random) -> None:
    worker = chance.choice(soak.workers)
    code = await asyncio.to_thread(worker.stop)
    assert code == 0, f"SIGTERM ended a worker with {code}"
    await soak.revive()


async def _freeze(soak: Soak, chance: random.Random) -> None:
    """Longer than the session, so that another worker may own the partitions when it thaws."""
    worker = chance.choice(soak.workers)
    worker.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(5, 12))
    worker.process.send_signal(signal.SIGCONT)


async def _scale(soak: Soak, _chance: random.Random) -> None:
    """A second worker joins, or leaves if there is one."""
    if len(soak.workers) == 1:
        await soak.start_worker()
    else:
        worker = soak.workers.pop()
        assert await asyncio.to_thread(worker.stop) == 0


async def _broker_stop(soak: Soak, _chance: random.Random) -> None:
    await asyncio.to_thread(soak.kafka.stop)
    await asyncio.to_thread(soak.kafka.start)


async def _broker_kill(soak: Soak, _chance: random.Random) -> None:
    await asyncio.to_thread(soak.kafka.kill)
    await asyncio.to_thread(soak.kafka.start)


async def _broker_pause(soak: Soak, chance: random.Random) -> None:
    pid = soak.kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(2, 6))
    os.kill(pid, signal.SIGCONT)


KINDS: dict[str, Break] = {
    "worker_kill": _kill,
    "worker_term": _terminate,
    "worker_freeze": _freeze,
    "workers_scale": _scale,
    "broker_stop": _broker_stop,
    "broker_kill": _broker_kill,
    "broker_pause": _broker_pause,
}


def schedule(faults: int, chance: random.Random) -> list[str]:
    """Kinds in an order of chance, each as often as any other."""
    kinds = [kind for _ in range(faults // len(KINDS) + 1) for kind in chance.sample(list(KINDS), len(KINDS))]
    return kinds[:faults]


def counted(faults: list[Fault]) -> dict[str, int]:
    """How often each kind struck."""
    return dict(Counter(fault.kind for fault in faults))
