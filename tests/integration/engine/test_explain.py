"""`kizuna explain` and `kizuna whatif` on a real Kafka: the past is made again out of its topics."""

import asyncio
import json
import math
from typing import Any

import pytest

from schemas.codec import decode_score
from stream.alerts import rules
from stream.cli.main import run
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.topics import CHANGELOG
from stream.model import parameters
from stream.pipeline import Pipeline
from tests.strategies import DAY_MS, Body, history, records

PIPELINE = Pipeline(parameters.load(), rules.load())
FIRST = 25  # events of the first publication but one


async def _written(settings: Settings, found: list[Body], *, forgotten: int = 0) -> None:
    """Interactions, rows and scores as a worker leaves them: two runs of records, a day apart."""
    table, now = PIPELINE.new_table(), now_ms()
    source = records(found)
    effects = [
        PIPELINE.step(table, source[:FIRST], now - 2 * DAY_MS),
        PIPELINE.step(table, source[FIRST:], now - DAY_MS),
    ]
    async with open_feed(settings) as feed:
        for each in source[forgotten:]:
            await feed.send(each.key, each.value)
    for topic, name in ((CHANGELOG, "changelog"), ("scores", "scores")):
        async with open_feed(settings, topic) as feed:
            for step in effects:
                for key, value in getattr(step, name):
                    await feed.send(key, value)


def _answer(
    capsys: pytest.CaptureFixture[str], settings: Settings, *arguments: str
) -> tuple[int, dict[str, Any]]:
    """Exit code and what was printed as JSON."""
    kafka = ("--bootstrap", settings.bootstrap, "--app-id", settings.app_id, "--json")
    code = run([*arguments, *kafka])
    out = capsys.readouterr().out
    return code, json.loads(out.splitlines()[-1]) if out else {}


@pytest.fixture
def prefixed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings, and their prefix for commands too."""
    monkeypatch.setenv("KIZUNA_TOPIC_PREFIX", settings.topic_prefix)
    return settings


def test_change_of_the_last_publication_is_the_one_that_was_published(
    prefixed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reasons of the change sum to the score record's own change, from state that no longer exists."""
    found = history(5, 60, customers=1)
    asyncio.run(_written(prefixed, found + found[-4:]))
    table = PIPELINE.new_table()
    source = records(found)
    PIPELINE.step(table, source[:FIRST], now_ms() - 2 * DAY_MS)
    last = decode_score(PIPELINE.step(table, source[FIRST:], now_ms() - DAY_MS).scores[0][1])
    code, why = _answer(capsys, prefixed, "explain", "c0", "--since", "previous")
    assert code == 0
    total = math.fsum(reason["contribution"] for reason in why["changes"]["trust_reasons"])
    assert total == pytest.approx(why["changes"]["trust_change"], abs=1e-9)
    assert last.trust_change is not None
    assert total == pytest.approx(last.trust_change, abs=0.02)
    code, since = _answer(capsys, prefixed, "explain", "c0", "--since", "published")
    assert code == 0
    assert since["changes"]["trust_before"] == pytest.approx(why["changes"]["trust_after"], abs=1e-9)
    assert since["changes"]["trust_after"] == since["trust"]
    code, then = _answer(capsys, prefixed, "explain", "c0", "--since", "2026-02-01")
    assert code == 0
    assert then["changes"]["trust_after"] == pytest.approx(then["trust"], abs=1e-9)


def test_what_a_topic_has_forgotten_is_not_guessed(
    prefixed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the first interactions gone the change is refused with a next step; what-if needs none of them."""
    found = [
        {
            "type": "ticket",
            "event_id": f"e{i}",
            "customer_id": "c0",
            "ticket_id": f"T-{i}",
            "status": "opened",
        }
        | {"occurred_at": f"2026-01-{i + 1:02d}T00:00:00Z"}
        for i in range(30)
    ]
    asyncio.run(_written(prefixed, found, forgotten=28))
    assert _answer(capsys, prefixed, "explain", "c0", "--since", "2026-01-15")[0] == 1
    code, answer = _answer(capsys, prefixed, "whatif", "c0", "--threshold", "trust=99")
    assert code == 0
    about = {action["about"] for plan in answer["plans"] for action in plan["actions"]} - {None}
    assert about
    assert all(name.startswith("#") or name in ("T-28", "T-29") for name in about)
