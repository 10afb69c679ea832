"""Commands of people through the shipped worker and the real command line, on real Kafka."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_score
from schemas.dead_letter import said
from schemas.score import ScoreV1
from stream.cli.main import run
from stream.config import Settings
from stream.engine.feed import open_feed, partition_of
from stream.engine.reader import read_topic
from stream.engine.topics import CHANGELOG, COMMANDS
from stream.state.position import POSITION_KEY, Position
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.tampering import delete_topic
from tests.integration.engine.test_real_worker import purchase

CUSTOMER = "mika"
SWEPT = {"KIZUNA_SWEEP_INTERVAL_S": "0.3"}
OVER = "error: --until 2000-01-01 is over\nnext: name a time to come, for example +7d\n"
Answer = Callable[..., tuple[int, str]]


@pytest.fixture
def kizuna(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """The command line on this test's topics: exit code, and all that was printed."""
    monkeypatch.setenv("KIZUNA_TOPIC_PREFIX", settings.topic_prefix)
    monkeypatch.setenv("KIZUNA_APP_ID", settings.app_id)

    def answer(*arguments: str) -> tuple[int, str]:
        code = run([*arguments, "--bootstrap", settings.bootstrap])
        printed = capsys.readouterr()
        return code, printed.err + printed.out  # a script reads the last line

    return answer


def override(until: str, *more: str) -> tuple[str, ...]:
    decided = ("--band", "strong", "--reason", "our mistake", "--by", "ana")
    return ("override", CUSTOMER, *decided, "--until", until, *more)


async def scores(settings: Settings) -> list[ScoreV1]:
    return [decode_score(record.value) for record in await read_topic(settings, "scores")]


async def letters(settings: Settings) -> list[dict[str, str]]:
    return [said(record.headers) for record in await read_topic(settings, "dead-letters")]


async def until(settings: Settings, law: Callable[[list[ScoreV1]], bool]) -> list[ScoreV1]:
    """The scores, once they are as the law says."""
    found: list[ScoreV1] = []
    for _ in range(100):
        if law(found := await scores(settings)):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


async def buy(settings: Settings, number: int = 1) -> None:
    async with open_feed(settings) as feed:
        await feed.send(CUSTOMER.encode(), purchase(CUSTOMER, number))


def explained(kizuna: Answer) -> dict[str, Any]:
    code, out = kizuna("explain", CUSTOMER, "--json")
    assert code == 0, out
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


async def test_an_override_is_shown_survives_a_kill_once_and_expires(
    settings: Settings, log: Path, kizuna: Answer
) -> None:
    """Band overridden, trust as computed; SIGKILL and restart repeat nothing; its end is published."""
    await buy(settings)
    with WorkerProcess(settings, log, REAL, **SWEPT) as worker:
        [before] = await until(settings, lambda found: len(found) == 1)
        assert before.band != "strong"
        code, out = await asyncio.to_thread(kizuna, *override("+1h"))
        assert code == 0
        assert f"kizuna explain {CUSTOMER}" in out
        shown = (await until(settings, lambda found: len(found) == 2))[-1]
        assert (shown.band, shown.trust, shown.seq) == ("strong", before.trust, before.seq + 1)
        assert shown.override is not None
        assert (shown.override.author, shown.override.reason) == ("ana", "our mistake")
        await asyncio.to_thread(
            worker.wait_metric, 'kizuna_events_total{outcome="applied",type="command"}', 1
        )
    with WorkerProcess(settings, log, REAL, **SWEPT) as worker:  # the block before ended with SIGKILL
        await asyncio.to_thread(worker.wait_ready)
        await asyncio.to_thread(worker.wait_lag_gone)
        held = await asyncio.to_thread(explained, kizuna)
        assert (held["band"], held["override"]["author"]) == ("strong", "ana")
        await buy(settings, 2)
        after = await until(settings, lambda found: len(found) > 2)
        assert [score.override is not None for score in after] == [False, True, True]
        code, out = await asyncio.to_thread(kizuna, *override("2000-01-01"))
        assert (code, out) == (2, OVER)
        code, _ = await asyncio.to_thread(kizuna, "override", CUSTOMER, "--withdraw", "--by", "ana")
        assert code == 0
        withdrawn = (await until(settings, lambda found: len(found) > 3))[-1]
        assert (withdrawn.override, withdrawn.band) == (None, before.band)
        assert await asyncio.to_thread(worker.stop) == 0
    assert await letters(settings) == []


async def test_the_end_of_an_override_is_published_by_a_sweep(settings: Settings, log: Path) -> None:
    """Without another record of the customer."""
    await buy(settings)
    with WorkerProcess(settings, log, REAL, **SWEPT) as worker:
        await until(settings, lambda found: len(found) == 1)
        await send(settings, CUSTOMER, lasting(seconds=4))
        shown = await until(settings, lambda found: len(found) == 2)
        over = await until(settings, lambda found: len(found) == 3)
        assert (shown[-1].band, over[-1].band) == ("strong", shown[0].band)
        assert over[-1].override is None
        assert await asyncio.to_thread(worker.stop) == 0


async def test_bad_commands_are_dead_lettered_and_the_worker_goes_on(settings: Settings, log: Path) -> None:
    """Each with its cause and origin; a good one behind them is applied."""
    await buy(settings)
    good = lasting(seconds=600)
    bad = {
        "invalid_json": b"{",
        "invalid_field": json.dumps(good | {"action": "promote"}).encode(),
        "key_mismatch": json.dumps(good | {"customer_id": "x"}).encode(),
        "unknown_alert": json.dumps(good | {"action": "acknowledge", "rule_id": "r"}).encode(),
        "forged_author": json.dumps(good | {"issued_by": "kizuna"}).encode(),
    }
    with WorkerProcess(settings, log, REAL) as worker:
        await until(settings, lambda found: len(found) == 1)
        async with open_feed(settings, COMMANDS) as feed:
            for value in bad.values():
                await feed.send(CUSTOMER.encode(), value)
        await send(settings, "nobody", good | {"customer_id": "nobody"})
        await send(settings, CUSTOMER, good)
        await until(settings, lambda found: len(found) == 2)
        await asyncio.to_thread(
            worker.wait_metric, 'kizuna_events_total{outcome="invalid",type="command"}', 6
        )
        assert worker.metric('kizuna_dead_letters_total{cause="unknown_customer"}') == 1
        assert worker.metric("kizuna_partition_resets_total") == 0
        assert await asyncio.to_thread(worker.stop) == 0
    found = await letters(settings)
    assert {letter["cause"] for letter in found} == {*bad, "unknown_customer"}
    assert len(found) == 6
    assert {letter["topic"] for letter in found} == {settings.topic(COMMANDS)}


async def test_state_of_a_worker_that_read_no_commands_goes_on_from_the_first(
    settings: Settings, log: Path
) -> None:
    """Its position row names no such topic; what was sent before the upgrade is taken."""
    await buy(settings)
    with WorkerProcess(settings, log, REAL) as worker:
        await until(settings, lambda found: len(found) == 1)
        assert await asyncio.to_thread(worker.stop) == 0
    number = partition_of(CUSTOMER.encode(), settings.partitions)
    rows = [
        r for r in await read_topic(settings, CHANGELOG) if r.key == POSITION_KEY and r.partition == number
    ]
    position = Position.decode(rows[-1].value)
    del position.offsets[settings.topic(COMMANDS)]
    async with open_feed(settings, CHANGELOG) as feed:
        await feed.send(POSITION_KEY, position.encode(), partition=number)
    await send(settings, CUSTOMER, lasting(seconds=600))
    with WorkerProcess(settings, log, REAL) as worker:
        found = await until(settings, lambda found: len(found) == 2)
        assert found[-1].override is not None
        assert await asyncio.to_thread(worker.stop) == 0


async def test_without_its_topic_nothing_is_sent_and_the_way_on_is_said(
    settings: Settings, kizuna: Answer
) -> None:
    """Exit code 1, and how to create it."""
    await delete_topic(settings, COMMANDS)
    code, out = await asyncio.to_thread(kizuna, *override("+7d"))
    assert code == 1
    assert f"no topic {settings.topic(COMMANDS)}" in out
    assert "kizuna topics create" in out


def lasting(*, seconds: float) -> dict[str, Any]:
    """An override from now on."""
    now = datetime.now(UTC)
    return {
        "command_id": "1",
        "customer_id": CUSTOMER,
        "action": "override",
        "issued_at": now.isoformat(),
        "issued_by": "ana",
        "reason": "our mistake",
        "until": (now + timedelta(seconds=seconds)).isoformat(),
        "band": "strong",
    }


async def send(settings: Settings, customer: str, command: dict[str, Any]) -> None:
    async with open_feed(settings, COMMANDS) as feed:
        await feed.send(customer.encode(), json.dumps(command).encode())
