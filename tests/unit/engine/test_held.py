"""What is held back is said in the log, and not once per alert."""

from typing import get_args

from structlog.testing import capture_logs

from schemas.alert import Suppressed
from stream.engine.held import EVERY_S, WHAT, HeldBack


def test_first_is_said_at_once_then_a_minute_together() -> None:
    """With how many, and what to do about it."""
    held = HeldBack(3)
    with capture_logs() as said:
        held.note({"budget": 2}, 0.0)
        held.note({"budget": 5}, 1.0)
        held.note({"stale": 1}, 2.0)
        held.note({"budget": 1}, EVERY_S)
        held.note({}, 3 * EVERY_S)
    assert [(line["reason"], line["alerts"]) for line in said] == [("budget", 2), ("stale", 1), ("budget", 6)]
    assert {line["partition"] for line in said} == {3}


def test_every_reason_says_what_to_do() -> None:
    """The contract's, and no other."""
    assert set(WHAT) == set(get_args(Suppressed))
