"""`kizuna notify --resend`: letters of a receiver that was mended, on real Kafka, by the real command."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.alert import AlertV1
from stream.config import Settings
from stream.engine.reader import read_topic
from tests.alerts import alert
from tests.integration.engine.process import ROOT
from tests.integration.notify.process import notifier, publish, until
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.test_webhooks import hook, secret  # noqa: F401 - a fixture by its name

Resend = Callable[..., Any]


@pytest.fixture
def resend(settings: Settings, tmp_path: Path) -> Resend:
    """The command in a process of its own: exit code, its JSON lines, all that it said on stderr."""

    def run(webhooks: list[dict[str, Any]], *more: str) -> tuple[int, list[dict[str, Any]], str]:
        done = subprocess.run(
            [sys.executable, "-m", "stream", "notify", "--resend", "--json", *more],
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "KIZUNA_BOOTSTRAP": settings.bootstrap,
                "KIZUNA_APP_ID": settings.app_id,
                "KIZUNA_TOPIC_PREFIX": settings.topic_prefix,
                "KIZUNA_PARTITIONS": str(settings.partitions),
                "KIZUNA_DATA_DIR": str(tmp_path / "data"),
                "KIZUNA_WEBHOOKS": json.dumps(webhooks),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    async def answer(*arguments: Any) -> tuple[int, list[dict[str, Any]], str]:
        return await asyncio.to_thread(run, *arguments)

    return answer


def resolved(customer: str, seq: int = 2) -> AlertV1:
    now = datetime.now(UTC)
    return alert(customer, seq=seq, state="resolved", transition="resolved", resolved_at=now)


async def test_what_a_mended_receiver_missed_is_told_once_and_only_if_it_still_holds(
    settings: Settings,
    log: Path,
    secret: Path,  # noqa: F811 - the fixture imported above
    resend: Resend,
) -> None:
    """Beside a running notify, with the old keys; what ended pages nobody, and a dry run sends nothing."""
    refuses = {"open", "noted", "ended", "end missed"}
    with Receiver(lambda each: 400 if each.customer_id in refuses else 200) as receiver:
        hooks = hook(receiver, secret)
        with notifier(settings, log, webhooks=hooks) as process:
            await publish(settings, [alert("open"), alert("noted"), alert("ended"), alert("fine")])
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="refused"', 3)
            refuses -= {"ended"}
            note = alert("noted", seq=2, transition="noted")
            await publish(settings, [note, resolved("ended"), resolved("fine"), alert("end missed")])
            await asyncio.to_thread(until, lambda: len(receiver.received) == 3)
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="refused"', 4)
            await publish(settings, [resolved("end missed")])
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="refused"', 5)

            code, lines, said = await resend(hooks, "--dry-run")
            assert (code, lines[-1]) == (0, {"outcomes": {"due": 3}, "passed_over": {"newer": 2}}), said
            assert len(receiver.refused) == 5

            code, lines, said = await resend(hooks)
            assert (code, lines[-1]["outcomes"]) == (1, {"refused": 3})
            assert "3 of 3 letters were not taken" in said
            assert all("400" in line["reason"] for line in lines[:-1])

            refuses.clear()
            before = len(receiver.received)
            code, lines, said = await resend(hooks)
            assert (code, lines[-1]["outcomes"]) == (0, {"told": 3}), said
            told = receiver.received[before:]
            assert {(each.alert.customer_id, each.alert.seq, each.alert.state) for each in told} == {
                ("open", 1, "open"),
                ("noted", 1, "open"),
                ("end missed", 2, "resolved"),
            }
            assert {each.message_id for each in told} < {each.message_id for each in receiver.refused}

            code, lines, _ = await resend(hooks)
            assert (code, lines) == (0, [{"outcomes": {}, "passed_over": {"newer": 2, "told": 3}}])
            assert len(receiver.received) == before + 3
            await publish(settings, [resolved("open")])  # the running notify goes on where it was
            await asyncio.to_thread(until, lambda: receiver.told()[-1] == ("open", "resolved"))
            assert len(receiver.received) == before + 4
            assert await asyncio.to_thread(process.stop) == 0
        with notifier(settings, log, webhooks=hooks) as process:  # and so does the next one
            await asyncio.to_thread(process.wait_metric, "kizuna_notify_partitions", settings.partitions)
            assert process.metric("kizuna_notify_waiting") == 0
            assert await asyncio.to_thread(process.stop) == 0
        assert len(receiver.received) == before + 4
    assert len(await read_topic(settings, "notify-dead-letters")) == 5


async def test_a_receiver_that_is_still_away_is_asked_a_few_times_and_the_rest_is_left(
    settings: Settings,
    log: Path,
    secret: Path,  # noqa: F811 - the fixture imported above
    resend: Resend,
) -> None:
    """Of forty letters one is tried, three times; of a sink with another name there is nothing to send."""
    customers = [f"c-{number}" for number in range(40)]
    with Receiver(lambda _: 400) as receiver:
        with notifier(settings, log, webhooks=hook(receiver, secret)) as process:
            await publish(settings, [alert(each) for each in customers])
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="refused"', 40)
            assert await asyncio.to_thread(process.stop) == 0
        receiver.status = lambda _: 503
        receiver.refused.clear()
        code, lines, said = await resend(hook(receiver, secret))
        assert (code, lines[-1]["outcomes"]) == (1, {"failed": 1, "left": 39})
        assert len(receiver.refused) == 3
        assert "40 of 40 letters were not taken" in said
        code, lines, _ = await resend(hook(receiver, secret, "other"))
        assert (code, lines) == (0, [{"outcomes": {}, "passed_over": {"no_sink": 40}}])
        receiver.status = lambda _: 200
        code, lines, said = await resend([hook(receiver, secret)[0] | {"burst": 1, "per_s": 20}])
        assert (code, lines[-1]["outcomes"]) == (0, {"told": 40}), said
        assert sorted(each.alert.customer_id for each in receiver.received) == sorted(customers)
    code, lines, said = await resend([])
    assert (code, lines) == (2, [])
    assert "nobody to send letters to" in said


async def test_the_letters_of_one_sink_are_sent_again_alone(
    settings: Settings,
    log: Path,
    secret: Path,  # noqa: F811 - the fixture imported above
    resend: Resend,
) -> None:
    """The other is not asked, and its letters wait; a name that no sink has is an error that names all."""
    with Receiver(lambda _: 400) as crm, Receiver(lambda _: 400) as audit:
        hooks = hook(crm, secret) + hook(audit, secret, "audit")
        with notifier(settings, log, webhooks=hooks) as process:
            await publish(settings, [alert("a"), alert("b")])
            await asyncio.to_thread(until, lambda: len(crm.refused) == len(audit.refused) == 2)
            assert await asyncio.to_thread(process.stop) == 0
        for each in (crm, audit):
            each.status = lambda _: 200
        code, lines, said = await resend(hooks, "--sink", "nobody")
        assert (code, lines) == (2, [])
        assert "no sink is called nobody" in said
        assert "audit, crm" in said
        code, lines, said = await resend(hooks, "--sink", "crm", "--dry-run")
        assert (code, lines[-1]) == (0, {"outcomes": {"due": 2}, "passed_over": {}}), said
        code, lines, said = await resend(hooks, "--sink", "crm")
        assert (code, lines[-1]) == (0, {"outcomes": {"told": 2}, "passed_over": {}}), said
        assert {line["sink"] for line in lines[:-1]} == {"crm"}
        assert (len(crm.received), len(audit.received)) == (2, 0)
        code, lines, said = await resend(hooks)
        assert (code, lines[-1]) == (0, {"outcomes": {"told": 2}, "passed_over": {"told": 2}}), said
        assert (len(crm.received), len(audit.received)) == (2, 2)
