"""The kinds of faults: each breaks something, heals it, and says what chance chose.

A kind's docstring is its line in `--help`. `soak.healed()` marks the end of a fault that ends before its
function does; the stall is measured from there.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from tests.fault.cluster import SLOTS
from tests.fault.disk import SmallDisk
from tests.fault.proxy import DOWN, UP

if TYPE_CHECKING:
    from tests.fault.soak import Soak

__all__ = ["KINDS"]

What = dict[str, Any]
Kind = Callable[["Soak", random.Random], Awaitable[What]]

HOUR_MS = 3_600_000
PAST_THE_HOUR_MS = 60_000  # Kafka refuses what is more than an hour ahead of it: jump over that limit too
DISK_LIMIT_S = 60.0


# --- workers -----------------------------------------------------------------------------------------------


async def worker_kill(soak: "Soak", chance: random.Random) -> What:
    """SIGKILL of a worker, started again at once."""
    slot = chance.choice(sorted(soak.workers))
    soak.kill(slot)
    return {"worker": slot}


async def worker_term(soak: "Soak", chance: random.Random) -> What:
    """SIGTERM of a worker, started again when it has ended with 0."""
    slot = chance.choice(sorted(soak.workers))
    await soak.stop(slot)
    soak.launch(slot)
    return {"worker": slot}


async def worker_freeze(soak: "Soak", chance: random.Random) -> What:
    """SIGSTOP of a worker for 5 to 30 s, mostly longer than its session, then SIGCONT."""
    slot, seconds = chance.choice(sorted(soak.workers)), 5 + 25 * chance.random() ** 2
    process = soak.workers[slot].process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGCONT)
    return {"worker": slot, "seconds": round(seconds, 1)}


async def workers_roll(soak: "Soak", _chance: random.Random) -> What:
    """Rolling restart: each worker in turn stopped, started, ready; stalls count throughout."""
    soak.healed()
    for slot in sorted(soak.workers):
        await soak.stop(slot)
        soak.launch(slot)
        await soak.ready(slot)
    return {"workers": len(soak.workers)}


async def workers_scale(soak: "Soak", chance: random.Random) -> What:
    """From one, two or three workers to another number of them; stalls count throughout."""
    soak.healed()
    before = len(soak.workers)
    after = chance.choice([n for n in range(1, SLOTS + 1) if n != before])
    for slot in range(SLOTS):
        if slot < after and slot not in soak.workers:
            soak.launch(slot)
        elif slot >= after and slot in soak.workers:
            await soak.stop(slot)
    await asyncio.gather(*(soak.ready(slot) for slot in sorted(soak.workers)))
    return {"from": before, "to": after}


async def clock_jump(soak: "Soak", chance: random.Random) -> What:
    """A worker's wall clock an hour ahead, then an hour back, each over a sweep, then right again."""
    slot = chance.choice(sorted(soak.workers))
    by_ms, seconds = HOUR_MS + PAST_THE_HOUR_MS, chance.uniform(5, 7)
    for wrong_ms in (by_ms, -by_ms):
        soak.shift_clock(slot, wrong_ms)
        await asyncio.sleep(seconds)
    soak.shift_clock(slot, 0)
    return {"worker": slot, "by_ms": by_ms, "seconds": round(2 * seconds, 1)}


# --- broker ------------------------------------------------------------------------------------------------


async def broker_stop(soak: "Soak", _chance: random.Random) -> What:
    """SIGTERM of Kafka, and its start."""
    await asyncio.to_thread(soak.cluster.kafka.stop)
    await asyncio.to_thread(soak.cluster.kafka.start)
    return {}


async def broker_kill(soak: "Soak", _chance: random.Random) -> What:
    """SIGKILL of Kafka, and its start."""
    await asyncio.to_thread(soak.cluster.kafka.kill)
    await asyncio.to_thread(soak.cluster.kafka.start)
    return {}


async def broker_pause(soak: "Soak", chance: random.Random) -> What:
    """SIGSTOP of Kafka for 2 to 10 s."""
    pid, seconds = soak.cluster.kafka.pid, chance.uniform(2, 10)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return {"seconds": round(seconds, 1)}


async def disk_full(soak: "Soak", _chance: random.Random) -> What:
    """Kafka's disk full to the last byte until Kafka gives up, then freed and Kafka started."""
    disk, kafka = soak.cluster.disk, soak.cluster.kafka
    assert isinstance(disk, SmallDisk), disk
    await asyncio.to_thread(disk.fill)
    began = monotonic()
    while kafka.pid is not None and monotonic() - began < DISK_LIMIT_S:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.2)
    gave_up = kafka.pid is None
    await asyncio.to_thread(disk.free)
    if not gave_up:
        await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)
    return {"gave_up": gave_up, "seconds": round(monotonic() - began, 1)}


# --- network -----------------------------------------------------------------------------------------------


async def net_delay(soak: "Soak", chance: random.Random) -> What:
    """50 to 400 ms each way between a worker and Kafka, for 4 to 8 s."""
    slot, seconds = chance.choice(sorted(soak.workers)), chance.uniform(0.05, 0.4)
    soak.cluster.proxies[slot].delay_s = seconds
    await asyncio.sleep(chance.uniform(4, 8))
    soak.cluster.proxies[slot].heal()
    return {"worker": slot, "delay_s": round(seconds, 2)}


async def net_slow(soak: "Soak", chance: random.Random) -> What:
    """4 to 40 kB/s on each connection of a worker, for 4 to 10 s."""
    slot, rate = chance.choice(sorted(soak.workers)), chance.randrange(4_000, 40_000)
    soak.cluster.proxies[slot].bytes_per_s = rate
    await asyncio.sleep(chance.uniform(4, 10))
    soak.cluster.proxies[slot].heal()
    return {"worker": slot, "bytes_per_s": rate}


async def net_cut(soak: "Soak", chance: random.Random) -> What:
    """Every connection of a worker reset, new ones too for up to 10 s."""
    slot, seconds = chance.choice(sorted(soak.workers)), chance.choice((0.0, chance.uniform(1, 10)))
    soak.cluster.proxies[slot].cut(refuse=True)
    await asyncio.sleep(seconds)
    soak.cluster.proxies[slot].heal()
    return {"worker": slot, "seconds": round(seconds, 1)}


async def net_half_open(soak: "Soak", chance: random.Random) -> What:
    """A worker's connections silent up, down or both ways for 2 to 12 s; then they go on, or are reset."""
    slot, seconds = chance.choice(sorted(soak.workers)), chance.uniform(2, 12)
    ways, reset = chance.choice(((UP,), (DOWN,), (UP, DOWN))), chance.random() < 0.5
    proxy = soak.cluster.proxies[slot]
    proxy.hold(*ways)
    await asyncio.sleep(seconds)
    if reset:
        proxy.cut()
    proxy.heal()
    return {"worker": slot, "ways": list(ways), "seconds": round(seconds, 1), "reset": reset}


async def net_dead(soak: "Soak", chance: random.Random) -> What:
    """A worker's present connections silent for good, as behind a router that forgot them; new ones work."""
    slot = chance.choice(sorted(soak.workers))
    soak.cluster.proxies[slot].hold(UP, DOWN, forever=True)
    return {"worker": slot}


# --- transactions ------------------------------------------------------------------------------------------


async def transaction_timeout(soak: "Soak", chance: random.Random) -> What:
    """A worker's producers silent in an open transaction until Kafka has aborted it; its heartbeats go on."""
    slot = chance.choice(sorted(soak.workers))
    proxy, began = soak.cluster.proxies[slot], monotonic()
    stuck: dict[int, int] = {}
    while not stuck:
        proxy.heal()
        await asyncio.sleep(chance.uniform(0.02, 0.12))
        proxy.hold(UP, who=lambda name: "producer" in name)
        before = await soak.open_transactions()
        await asyncio.sleep(0.5)  # whose transaction goes on has committed it by now
        after = await soak.open_transactions()
        stuck = {number: offset for number, offset in after.items() if before.get(number) == offset}
        assert monotonic() - began < 60, "no transaction was met open in a minute"
    held = monotonic()
    while stuck.items() & (await soak.open_transactions()).items():
        assert monotonic() - held < 60, "Kafka did not abort the transaction"
        await asyncio.sleep(0.5)
    proxy.heal()
    return {"worker": slot, "partitions": sorted(stuck), "seconds": round(monotonic() - held, 1)}


async def producer_fenced(soak: "Soak", chance: random.Random) -> What:
    """Another producer takes a partition's transactional id and leaves: its worker must take it back."""
    settings = soak.cluster.settings
    number = chance.randrange(settings.partitions)
    stranger = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, transactional_id=f"{settings.app_id}-{number}"
    )
    await stranger.start()
    await stranger.stop()
    return {"partition": number}


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        worker_kill,
        worker_term,
        worker_freeze,
        workers_roll,
        workers_scale,
        clock_jump,
        broker_stop,
        broker_kill,
        broker_pause,
        disk_full,
        net_delay,
        net_slow,
        net_cut,
        net_half_open,
        net_dead,
        transaction_timeout,
        producer_fenced,
    )
}
