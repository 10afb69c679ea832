"""Workers under fault and load: started, broken, started again, and how long each fault was felt.

Stall: the longest that a record waited for its commit, counted from the end of the fault (thawed, broker up,
network healed, process gone). Outage: the same, counted from the fault's beginning. The next fault waits
until all that was there has been committed, so that every fault meets a working system.
"""

import asyncio
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from tests import calm
from tests.fault.cluster import Cluster
from tests.fault.kinds import KINDS
from tests.fault.progress import Place, Progress
from tests.fault.shifted_worker import CLOCK_FILE
from tests.fault.stall import StallClock
from tests.integration.engine.process import WorkerProcess

__all__ = ["SESSION_S", "TRANSACTION_S", "Fault", "Soak", "note"]

SHIFTED = (str(Path(__file__).with_name("shifted_worker.py")),)
SESSION_S = 6
TRANSACTION_S = 10
SWEEP_S = 5
STALL_LIMIT_S = 120.0
READY_LIMIT_S = 90.0
POLL_S = 0.2
SETTLED_S = 1.0  # a worker that joins or a session that ends may stop others a moment later


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and how long it was felt.

    Attributes:
        number: in the schedule, from 1.
        kind: of `KINDS`.
        at_s: since the first one.
        fault_s: how long it lasted.
        stall_s: longest wait of a record for its commit after the fault's end.
        outage_s: the same after its beginning.
        workers: that should run.
        what: chance's choices.
        cured: False if not all was committed within two minutes.
    """

    number: int
    kind: str
    at_s: float
    fault_s: float
    stall_s: float
    outage_s: float
    workers: int
    what: dict[str, Any]
    cured: bool


@dataclass(slots=True)
class Soak:
    """Workers and their supervisor. `KINDS` break it through the methods below.

    Attributes:
        cluster: Kafka and the ways to it.
        directory: logs of the workers, files of their clocks.
        workers: by place; whoever ends is started again, as under any supervisor.
        ended: reasons of workers that ended by themselves.
        bad_stops: workers that SIGTERM did not end with 0.
    """

    cluster: Cluster
    directory: Path
    workers: dict[int, WorkerProcess] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    bad_stops: list[str] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)
    _progress: Progress = field(init=False)
    _stall: StallClock = field(default_factory=StallClock)
    _seen: tuple[float, dict[Place, int], dict[Place, int]] = (0.0, {}, {})
    _healed_at: float = 0.0
    _killed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._progress = Progress(self.cluster.settings)

    # --- workers -------------------------------------------------------------------------------------------

    def launch(self, slot: int) -> None:
        """Start the worker of this place; returns at once."""
        clock = self._clock_file(slot)
        if not clock.exists():
            clock.write_text("0", encoding="utf-8")
        self.workers[slot] = WorkerProcess(
            self.cluster.settings_of(slot),
            self.directory / f"worker{slot}.log",
            SHIFTED,
            KIZUNA_RULES=str(calm.written(self.directory)),
            KIZUNA_SESSION_TIMEOUT_S=str(SESSION_S),
            KIZUNA_SWEEP_INTERVAL_S=str(SWEEP_S),
            KIZUNA_TRANSACTION_TIMEOUT_S=str(TRANSACTION_S),
            **{CLOCK_FILE: str(clock)},
        )

    async def ready(self, slot: int) -> float:
        """Wait until this place's worker is ready, restarts included; the seconds it took."""
        began = monotonic()
        while (await asyncio.to_thread(self.workers[slot].status, "/readyz"))[0] != 200:
            if monotonic() - began > READY_LIMIT_S:
                break  # whether work goes on is measured anyway
            await asyncio.sleep(0.1)
        return monotonic() - began

    async def stop(self, slot: int) -> None:
        """SIGTERM, and nobody starts it again."""
        worker = self.workers.pop(slot)
        try:
            code = await asyncio.to_thread(worker.stop)
        except subprocess.TimeoutExpired:
            self.bad_stops.append(f"worker{slot}: SIGTERM did not end it")
            worker.kill()
        else:
            # Python alone is there in its first second: nothing is open yet, and the default ends it.
            still_starting = code == -signal.SIGTERM and "worker starts" not in worker.said
            if code != 0 and not still_starting:
                self.bad_stops.append(f"worker{slot}: SIGTERM ended it with {code}: {_last_words(worker)}")

    def kill(self, slot: int) -> None:
        """SIGKILL; the supervisor starts it again."""
        worker = self.workers[slot]
        self._killed.add(worker.process.pid)
        worker.kill()

    async def supervise(self) -> None:
        """Start again whoever ends. Until cancelled."""
        while True:
            for slot, worker in list(self.workers.items()):
                if worker.process.poll() is None:
                    continue
                if worker.process.pid not in self._killed:
                    self.ended.append(_last_words(worker))
                    note(f"worker{slot} ended by itself: {self.ended[-1]}")
                self.launch(slot)
            await asyncio.sleep(POLL_S)

    def end(self) -> None:
        """Leave no worker running, frozen ones included."""
        for worker in self.workers.values():
            worker.kill()

    def shift_clock(self, slot: int, by_ms: int) -> None:
        """From now on this place's wall clock is wrong by so much."""
        file = self._clock_file(slot)
        draft = file.with_suffix(".new")
        draft.write_text(str(by_ms), encoding="utf-8")
        draft.replace(file)

    def _clock_file(self, slot: int) -> Path:
        return self.directory / f"clock{slot}"

    # --- faults --------------------------------------------------------------------------------------------

    def healed(self) -> None:
        """Said by a kind whose fault ends before its function returns."""
        self._healed_at = monotonic()
        self._stall.mark("stall", self._healed_at)

    async def watch(self) -> None:
        """Look how far the work is, again and again. Until cancelled."""
        while True:
            found = await self._progress.sample()
            if found is not None:
                self._seen = (monotonic(), *found)
                self._stall.look(*self._seen)
            await asyncio.sleep(POLL_S)

    async def strike(self, number: int, kind: str, seed: int) -> Fault:
        """Break something, heal it, and wait until everybody has caught up."""
        chance = random.Random(f"{seed} {number} {kind}")
        began, self._healed_at = monotonic(), 0.0
        self._stall.mark("outage", began)
        what = await KINDS[kind](self, chance)
        if not self._healed_at:
            self.healed()
        cured = await self.caught_up(STALL_LIMIT_S)
        return Fault(
            number,
            kind,
            at_s=round(began - self._began, 1),
            fault_s=round(self._healed_at - began, 1),
            stall_s=round(self._stall.longest_s("stall"), 1),
            outage_s=round(self._stall.longest_s("outage"), 1),
            workers=len(self.workers),
            what=what,
            cured=cured,
        )

    async def caught_up(self, limit_s: float) -> bool:
        """Wait until all that the sources hold now is committed; False if it takes longer."""
        since = monotonic()
        target: dict[Place, int] | None = None
        while monotonic() - since < limit_s:
            at, ends, done = self._seen
            if at > since + SETTLED_S:
                target = target or ends
                if all(done[place] >= end for place, end in target.items()):
                    return True
            await asyncio.sleep(POLL_S)
        return False

    async def open_transactions(self) -> dict[int, int]:
        """See `Progress`; none while nobody answers."""
        return await self._progress.open_transactions() or {}

    async def close(self) -> None:
        await self._progress.close()

    def resets(self) -> Counter[str]:
        """Faults for which workers reset a partition, by name, from their logs."""
        found: Counter[str] = Counter()
        for log in self.directory.glob("worker*.log"):
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                if "partition reset" in line and (fault := re.search(r"fault=(\w+)", line)):
                    found[fault[1]] += 1
                elif "transaction without marker" in line:
                    found["orphan"] += 1
                elif "gap in the source" in line:
                    found["gap"] += 1
        return found


def _last_words(worker: WorkerProcess) -> str:
    lines = [line for line in worker.said.splitlines() if "worker stops" in line or line.startswith("error:")]
    last = lines[-1] if lines else (worker.said.splitlines() or ["said nothing"])[-1]
    return f"exit {worker.process.returncode}: {last[:400]}"


def note(line: str) -> None:
    """Progress, for whoever watches."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
