"""A client that hangs ends the process; a Kafka that is away does not."""

from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from stream.config import Settings, load
from stream.engine.watchdog import _fail_if_deaf


def worker_silent_for(seconds: float) -> tuple[Any, list[Exception]]:
    """What the watchdog sees of an app, and the reasons it gives to stop it."""
    reasons: list[Exception] = []
    app = SimpleNamespace(
        rebalancing=False,
        engine=SimpleNamespace(owned={0: None}),
        last_heartbeat_s=monotonic() - seconds,
        fail=reasons.append,
    )
    return app, reasons


@pytest.mark.parametrize(("seconds", "stops"), [(5, False), (300, True)])
async def test_silence_while_kafka_answers_others_ends_the_process(
    bare_settings: Settings, seconds: float, stops: bool
) -> None:
    """Only after several sessions without an answered heartbeat."""
    app, reasons = worker_silent_for(seconds)
    await _fail_if_deaf(app, bare_settings)
    assert [("hangs" in str(reason)) for reason in reasons] == [True] * stops


async def test_silence_of_a_kafka_that_is_away_is_waited_out() -> None:
    """The worker is still whole when Kafka comes back."""
    app, reasons = worker_silent_for(300)
    await _fail_if_deaf(app, load(bootstrap="127.0.0.1:1", connect_timeout_s=2))
    assert reasons == []
