"""People and alerts through the shipped worker and the real command line, on real Kafka."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.alert import AlertV1
from schemas.codec import decode_alert
from schemas.command import MAC, mac
from stream.alerts import rules
from stream.config import Settings
from stream.engine.feed import open_feed, partition_of
from stream.engine.reader import read_topic
from stream.engine.topics import COMMANDS
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.test_commands import Answer, kizuna, letters  # noqa: F401 - a fixture by its name

CUSTOMER, RULE = "mika", "trust_low"
STORM = "[storm]\nmass_drop_percent = 50\nmass_drop_least = 5\n"
SECRET = "0123456789abcdef0123456789abcdef"


def survey(number: int, score: int, customer: str = CUSTOMER) -> bytes:
    fields = {
        "type": "survey",
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "instrument": "nps",
        "score": score,
    }
    return json.dumps(fields).encode()


async def complain(settings: Settings) -> None:
    """What opens the alert."""
    async with open_feed(settings) as feed:
        await feed.send(CUSTOMER.encode(), survey(1, 0))


async def logged(settings: Settings) -> list[AlertV1]:
    """Every transition of the customer's alert, which must be numbered without a gap or a repeat."""
    found = [decode_alert(record.value) for record in await read_topic(settings, "alert-log")]
    found = [each for each in found if each.rule_id == RULE]
    assert [each.seq for each in found] == list(range(1, len(found) + 1))
    return found


async def until(settings: Settings, *transitions: str) -> list[AlertV1]:
    """The log, once it is so long; it must then be so."""
    found: list[AlertV1] = []
    for _ in range(150):
        if len(found := await logged(settings)) >= len(transitions):
            break
        await asyncio.sleep(0.2)
    assert [each.transition for each in found] == list(transitions)
    return found


async def grown(settings: Settings, n: int) -> None:
    """Until the log has so many transitions."""
    for _ in range(300):
        if len(await logged(settings)) >= n:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await logged(settings))


def order(action: str, **own: Any) -> bytes:
    fields = {
        "command_id": action,
        "customer_id": CUSTOMER,
        "rule_id": RULE,
        "action": action,
        "issued_at": datetime.now(UTC).isoformat(),
        "issued_by": "ana",
        "reason": "because",
    }
    return json.dumps(fields | own).encode()


async def send(settings: Settings, *values: bytes, key: bytes = CUSTOMER.encode()) -> None:
    async with open_feed(settings, COMMANDS) as feed:
        for value in values:
            await feed.send(key, value)


async def refused(settings: Settings, n: int) -> list[dict[str, str]]:
    """The dead letters, once there are so many."""
    found: list[dict[str, str]] = []
    for _ in range(150):
        if len(found := await letters(settings)) >= n:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


@pytest.fixture
def alerts(kizuna: Answer) -> Callable[..., Any]:  # noqa: F811 - the fixture imported above
    """`kizuna alerts ...` in a thread of its own: exit code, and all that was printed."""

    async def answer(*arguments: str) -> tuple[int, str]:
        return await asyncio.to_thread(kizuna, "alerts", *arguments)

    return answer


async def listed(alerts: Callable[..., Any], law: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is listed, once it is as the law says."""
    found: dict[str, Any] = {}
    for _ in range(60):
        code, printed = await alerts("list", "--json")
        if code == 0 and law(found := last(printed)):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


def last(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


async def test_a_person_lists_takes_on_hands_over_snoozes_notes_and_ends_an_alert(
    settings: Settings, log: Path, alerts: Callable[..., Any]
) -> None:
    """Each word once on the log, answered at once; the snooze ends by the clock, through a SIGKILL."""
    with WorkerProcess(settings, log, REAL) as worker:
        await complain(settings)
        [opened] = await until(settings, "opened")
        code, printed = await alerts("list")
        assert code == 0
        assert "1 of 1 alert" in printed
        [line] = [line for line in printed.splitlines() if line.startswith(CUSTOMER)]
        assert line.split()[1:4] == [RULE, "warning", "open"]
        assert "gave bad marks in surveys" in printed

        code, printed = await alerts("ack", CUSTOMER, "--by", "ana")  # it has only this one
        assert (code, printed.splitlines()[-1]) == (0, f"{CUSTOMER} {RULE}: acknowledged by ana (seq 2)")
        code, printed = await alerts("assign", CUSTOMER, RULE, "--by", "ana", "--to", "ben", "--json")
        assert code == 0
        answer = last(printed)
        assert (answer["alert"]["owner"], answer["alert"]["ack"]["by"]) == ("ben", "ana")
        assert answer["command"]["expected_seq"] == 2
        assert answer["alert"]["command_id"] == answer["command"]["command_id"]
        snooze = ("snooze", CUSTOMER, "--by", "ana", "--until", "+15s", "--reason", "on holiday")
        code, printed = await alerts(*snooze)
        assert code == 0, printed
        assert f"{CUSTOMER} {RULE}: rests until " in printed
        code, printed = await alerts("list", "--state", "snoozed", "--lang", "ja")
        assert "一時停止中" in printed
        worker.kill()
    with WorkerProcess(settings, log, REAL) as worker:
        words = ["opened", "acknowledged", "assigned", "snoozed", "snooze_over"]
        over = (await until(settings, *words))[-1]
        assert (over.state, over.snooze, over.owner, over.command_id) == ("open", None, "ben", None)
        code, printed = await alerts("note", CUSTOMER, "--by", "ben", "--reason", "calls back")
        assert code == 0, printed
        code, printed = await alerts("resolve", CUSTOMER, "--by", "ben", "--reason", "all is well")
        assert (code, printed.splitlines()[-1]) == (0, f"{CUSTOMER} {RULE}: resolved by ben (seq 7)")
        code, printed = await alerts("list", "--json")
        assert last(printed)["total"] == 0
        code, printed = await alerts("ack", CUSTOMER, "--by", "ana")
        assert code == 1
        assert "no alert is open for customer 'mika'" in printed
        assert await asyncio.to_thread(worker.stop) == 0
    found = await until(settings, *words, "noted", "resolved")
    assert {each.alert_id for each in found} == {opened.alert_id}
    assert found[-1].resolve_reason == "manual"
    assert found[-1].note is not None
    assert found[-1].note.text == "all is well"
    assert await letters(settings) == []


async def test_what_a_worker_refuses_is_said_with_the_way_on(
    settings: Settings, log: Path, alerts: Callable[..., Any]
) -> None:
    """Stale, of another rule, in our name: exit code 1, the cause, the numbers, the next step."""
    with WorkerProcess(settings, log, REAL):
        await complain(settings)
        await until(settings, "opened")
        code, printed = await alerts("resolve", CUSTOMER, RULE, "--by", "ana", "--seq", "7")
        assert code == 1
        assert "refused as stale_command: `expected_seq` is 7, the `seq` of the alert is 1" in printed
        assert f"next: it has moved on since; look at it: kizuna alerts list --customer {CUSTOMER}" in printed
        code, printed = await alerts("ack", CUSTOMER, "churn_risk_high", "--by", "ana", "--seq", "1")
        assert code == 1
        assert "refused as unknown_alert: no alert of rule `churn_risk_high` was ever open" in printed
        code, printed = await alerts("ack", CUSTOMER, "--by", "kizuna")
        assert code == 1
        assert "refused as forged_author" in printed
        assert "give your own name" in printed
    await until(settings, "opened")
    assert [each["cause"] for each in await letters(settings)] == [
        "stale_command",
        "unknown_alert",
        "forged_author",
    ]


async def test_a_command_that_no_worker_reads_is_done_later(
    settings: Settings, log: Path, alerts: Callable[..., Any]
) -> None:
    """Exit code 1 says that nobody has answered; without waiting it is only sent; both are done once."""
    with WorkerProcess(settings, log, REAL):
        await complain(settings)
        await until(settings, "opened")
    code, printed = await alerts("ack", CUSTOMER, "--by", "ana", "--wait-s", "0.5")
    assert code == 1
    assert "no worker has answered within 0.5 s" in printed
    code, printed = await alerts(
        "note", CUSTOMER, RULE, "--by", "ana", "--seq", "2", "--reason", "x", "--no-wait"
    )
    assert code == 0
    assert f"sent to {settings.topic(COMMANDS)}" in printed
    with WorkerProcess(settings, log, REAL):
        await until(settings, "opened", "acknowledged", "noted")


async def test_repeated_and_wrong_commands_move_nothing(settings: Settings, log: Path) -> None:
    """A repeated id through SIGKILL and restart is quiet; each wrong one is a letter with its cause."""
    ack = order("acknowledge", expected_seq=1)
    with WorkerProcess(settings, log, REAL) as worker:
        await complain(settings)
        await until(settings, "opened")
        await send(settings, ack, ack)
        await until(settings, "opened", "acknowledged")
        worker.kill()
    with WorkerProcess(settings, log, REAL) as worker:
        await send(settings, ack, order("resolve", expected_seq=1), order("note", rule_id="gone"))
        await send(settings, order("note", issued_by="\x01ana"), order("note", customer_id="another"))
        await send(settings, order("note", customer_id="nobody"), key=b"nobody")
        far = (datetime.now(UTC) + timedelta(days=91)).isoformat()
        await send(settings, order("snooze", until=far))
        found = await refused(settings, 6)
        await send(settings, order("resolve", command_id="end", expected_seq=2))
        await until(settings, "opened", "acknowledged", "resolved")
        await send(settings, order("note"), ack)
        found = await refused(settings, 7)
        await asyncio.to_thread(worker.wait_metric, 'kizuna_events_total{outcome="superseded"', 2)
        assert worker.metric("kizuna_partition_resets_total") == 0
        assert await asyncio.to_thread(worker.stop) == 0
    causes = ["stale_command", "unknown_alert", "forged_author", "key_mismatch", "unknown_customer"]
    assert sorted(each["cause"] for each in found) == sorted([*causes, "invalid_field", "not_open"])
    await until(settings, "opened", "acknowledged", "resolved")


async def test_with_a_key_workers_take_only_what_it_signed(
    settings: Settings, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alerts: Callable[..., Any]
) -> None:
    """The command line signs where it has the key, and is told to where it has none."""
    path = tmp_path / "key"
    path.write_text(SECRET + "\n")
    with WorkerProcess(settings, log, REAL, KIZUNA_COMMAND_KEY_FILE=str(path)):
        await complain(settings)
        await until(settings, "opened")
        code, printed = await alerts("ack", CUSTOMER, "--by", "ana")
        assert code == 1
        assert "refused as forged_author: the header `kizuna-mac` is missing" in printed
        assert "set command_key_file" in printed
        monkeypatch.setenv("KIZUNA_COMMAND_KEY_FILE", str(path))
        code, printed = await alerts("ack", CUSTOMER, "--by", "ana")
        assert code == 0, printed
        value = order("note")
        async with open_feed(settings, COMMANDS) as feed:
            await feed.send(CUSTOMER.encode(), value, headers=[(MAC, mac(b"another secret..", value))])
        assert len(await refused(settings, 2)) == 2
    await until(settings, "opened", "acknowledged")
    missing = WorkerProcess(settings, log, REAL, KIZUNA_COMMAND_KEY_FILE=str(tmp_path / "none"))
    assert await asyncio.to_thread(missing.exit_code) == 2
    assert "cannot read the key" in missing.said


async def test_who_knows_the_data_to_be_right_ends_the_alert_about_them(
    settings: Settings, log: Path, tmp_path: Path, alerts: Callable[..., Any]
) -> None:
    """Listed and resolved by its partition's name; what was held comes out; the command again is quiet."""
    path = tmp_path / "rules.toml"
    path.write_text(f"{rules.SHIPPED.read_text()}\n{STORM}")
    with WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(path)):
        together = [f"c{n}" for n in range(60) if partition_of(b"c%d" % n, settings.partitions) == 2]
        async with open_feed(settings) as feed:
            for number, customer in enumerate(together):
                await feed.send(customer.encode(), survey(number, 0, customer))
        held = await listed(alerts, lambda found: found["held_back"] == len(together))
        [about] = held["alerts"]
        assert (about["subject"], about["customer_id"], about["rule_id"]) == (
            "data",
            "partition-2",
            "mass_drop",
        )
        code, printed = await alerts("ack", "partition-2", "--by", "ana")
        assert code == 1
        assert "refused as unsupported_action" in printed
        code, printed = await alerts("resolve", "partition-9", "mass_drop", "--by", "ana", "--seq", "1")
        assert code == 1
        assert "refused as unknown_alert: this is partition-1" in printed
        code, printed = await alerts("resolve", "partition-2", "mass_drop", "--by", "ana", "--json")
        assert code == 0, printed
        said = last(printed)["command"]
    async with open_feed(settings, COMMANDS) as feed:
        for each in (said, said, said | {"command_id": "another"}):
            await feed.send(b"partition-2", json.dumps(each).encode(), partition=2)
    with WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(path)):  # looks at once at what was held back
        out = await listed(alerts, lambda found: found["total"] == len(together))
        assert sorted(each["customer_id"] for each in out["alerts"]) == sorted(together)
        found = await refused(settings, 3)
    assert sorted(each["cause"] for each in found) == ["not_open", "unknown_alert", "unsupported_action"]


async def test_every_word_is_done_once_through_kills(settings: Settings, log: Path) -> None:
    """Hundreds of notes, each sent twice, and workers killed in the middle: all in order, once."""
    await complain(settings)
    words = [f"word {number}" for number in range(300)]

    async def speak(some: list[str]) -> None:
        async with open_feed(settings, COMMANDS) as feed:
            for word in some:
                for _ in range(2):
                    await feed.send(CUSTOMER.encode(), order("note", command_id=word, reason=word))
                await feed.post()
                await asyncio.sleep(0.05)

    workers = [WorkerProcess(settings, log, REAL)]
    try:
        await until(settings, "opened")
        for start in (0, 100, 200):
            speaking = asyncio.create_task(speak(words[start : start + 100]))
            await grown(settings, start + 10)
            workers[-1].kill()
            workers.append(WorkerProcess(settings, log, REAL))
            await speaking
        found = await until(settings, "opened", *["noted"] * len(words))
    finally:
        for worker in workers:
            worker.kill()
    assert [each.note.text for each in found if each.note is not None] == words
    assert await letters(settings) == []
