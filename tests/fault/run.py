"""One soak: a schedule from a seed, struck one by one under load, then drained and judged."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from stream.engine.topics import COMMANDS
from tests.fault.cluster import cluster
from tests.fault.disk import SmallDisk
from tests.fault.history import history
from tests.fault.judge import Verdict, judge
from tests.fault.kinds import KINDS
from tests.fault.load import Load
from tests.fault.people import People
from tests.fault.soak import SESSION_S, Fault, Soak, note

__all__ = ["Plan", "Report", "run", "schedule"]

EVENTS_PER_CUSTOMER = 20
DRAIN_LIMIT_S = 180.0
NEEDS_DISK = "disk_full"
SAID_DIFFERENCES = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does; the same plan strikes the same faults in the same order.

    Attributes:
        kinds: of the faults, in order.
        seed: of the history and of what each fault chooses.
        minutes: no further fault after so long.
        rate: events per second.
        commands: per second.
    """

    kinds: Sequence[str]
    seed: int
    minutes: float
    rate: float
    commands: float


@dataclass(slots=True)
class Report:
    """What came of it."""

    plan: Plan
    faults: list[Fault] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    events: int = 0
    commands: int = 0
    drained: bool = False
    restore_s: float = 0.0
    resets: Counter[str] = field(default_factory=Counter)
    ended: list[str] = field(default_factory=list)
    bad_stops: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def exact(self) -> bool:
        """Everything is there once, and everybody caught up."""
        return self.drained and not self.verdict.differences and not self.bad_stops

    def summary(self) -> dict[str, Any]:
        """The verdict as one JSON object."""
        stalls = defaultdict[str, float](float)
        for fault in self.faults:
            stalls[fault.kind] = max(stalls[fault.kind], fault.stall_s)
        allowed = round(SESSION_S + self.restore_s, 1)
        of = self.verdict.of
        return {
            "faults": len(self.faults),
            "kinds": dict(Counter(fault.kind for fault in self.faults)),
            "events": self.events,
            "commands": dict(sorted(self.verdict.answers.items())),
            "commands_acknowledged": self.commands,
            "state_exact": not of("row", "position"),
            "scores_exact": not of("score"),
            "alerts_exact": not of("alert"),
            "commands_exact": not of("command"),
            "dead_letters_exact": not of("dead letter"),
            "lost": self.verdict.lost,
            "doubled": self.verdict.doubled,
            "longest_stall_s": max(stalls.values(), default=0.0),
            "longest_outage_s": max((fault.outage_s for fault in self.faults), default=0.0),
            "longest_stall_s_by_kind": dict(stalls),
            "stall_allowed_s": allowed,
            "stalls_longer_than_allowed": sum(fault.stall_s > allowed for fault in self.faults),
            "restore_s": self.restore_s,
            "resets": dict(self.resets),
            "workers_ended_by_themselves": len(self.ended),
            "bad_stops": self.bad_stops,
            "drained": self.drained,
            "compared": dict(self.verdict.compared),
            "skipped": self.skipped,
            "seed": self.plan.seed,
        }


def schedule(faults: int, seed: int, kinds: Sequence[str]) -> list[str]:
    """Kinds in an order of chance, each as often as any other."""
    chance = random.Random(seed)
    order = [kind for _ in range(faults // len(kinds) + 1) for kind in chance.sample(list(kinds), len(kinds))]
    return order[:faults]


async def run(
    plan: Plan, directory: Path, jars: Path, say: Callable[[dict[str, Any]], None] = lambda _: None
) -> Report:
    """Strike, drain, judge. `say` is told the schedule before anything starts, then each fault.

    A fault's `commands` are those that Kafka acknowledged from its beginning until all had caught up.

    Args:
        plan: what to do.
        directory: empty; for broker and logs.
        jars: where Kafka's are kept.
        say: one call per line of JSON.
    """
    report = Report(plan)
    say({"seed": plan.seed, "rate": plan.rate, "schedule": list(plan.kinds)})
    customers = int(plan.minutes * 60 * plan.rate / EVENTS_PER_CUSTOMER) + 500
    messages = await asyncio.to_thread(history, customers, 120, plan.seed)
    people = People(plan.seed)
    events = Load("interactions", iter(messages), plan.rate)
    commands = Load(COMMANDS, people.messages(), plan.commands)
    async with cluster(directory, jars, own_disk=NEEDS_DISK in plan.kinds) as kafka:
        if isinstance(kafka.disk, str) and NEEDS_DISK in plan.kinds:
            report.skipped[NEEDS_DISK] = kafka.disk
            note(f"skipped: {NEEDS_DISK}: {kafka.disk}")
        soak = Soak(kafka, directory)
        try:
            async with _under_load(soak, people, (events, commands), report):
                disk = isinstance(kafka.disk, SmallDisk)
                await _strike_all(plan, soak, commands, report, say, own_disk=disk)
            for slot in sorted(soak.workers):
                await soak.stop(slot)
            soak.launch(0)
            report.restore_s = round(await soak.ready(0), 1)
            await soak.stop(0)
            note("judging")
            report.verdict = await judge(kafka.settings)
        finally:
            soak.end()
            await soak.close()
        report.events, report.commands = events.sent, commands.acknowledged
        report.resets = soak.resets()
        report.ended, report.bad_stops = soak.ended, soak.bad_stops
    for line in report.verdict.differences[:SAID_DIFFERENCES]:
        note(line)
    return report


@asynccontextmanager
async def _under_load(
    soak: Soak, people: People, loads: Sequence[Load], report: Report
) -> AsyncIterator[None]:
    """One worker ready, supervisor, probe and traffic running; at the end all that was sent is committed."""
    soak.launch(0)
    settings = soak.cluster.settings
    always = [asyncio.create_task(each) for each in (soak.supervise(), soak.watch(), people.follow(settings))]
    await soak.ready(0)
    stop = asyncio.Event()
    traffic = [asyncio.create_task(load.run(settings, stop)) for load in loads]
    try:
        yield
        stop.set()
        await asyncio.gather(*traffic)
        note("draining")
        for proxy in soak.cluster.proxies:
            proxy.heal()
        report.drained = await soak.caught_up(DRAIN_LIMIT_S)
    finally:
        for task in (*traffic, *always):
            task.cancel()
        await asyncio.gather(*traffic, *always, return_exceptions=True)


async def _strike_all(
    plan: Plan,
    soak: Soak,
    commands: Load,
    report: Report,
    say: Callable[[dict[str, Any]], None],
    *,
    own_disk: bool,
) -> None:
    began, chance = monotonic(), random.Random(plan.seed)
    for number, kind in enumerate(plan.kinds, 1):
        if monotonic() - began > plan.minutes * 60:
            note(f"{plan.minutes} minutes are over after {number - 1} of {len(plan.kinds)} faults")
            break
        pause_s = chance.uniform(0.5, 3.0)  # drawn for those that are skipped too, so that the rest stays
        if kind == NEEDS_DISK and not own_disk:
            continue
        await asyncio.sleep(pause_s)
        note(f"{number}/{len(plan.kinds)} {kind} ...")
        before = commands.acknowledged
        fault = await soak.strike(number, kind, plan.seed)
        report.faults.append(fault)
        say(asdict(fault) | {"commands": commands.acknowledged - before})
        if not fault.cured:
            note(f"nobody recovered from {kind} within two minutes")
            break


def known(kinds: Sequence[str]) -> list[str]:
    """Names among these that are no kind."""
    return [kind for kind in kinds if kind not in KINDS]
