"""Times as people type them; the demo's account of chains of scores."""

import msgspec
import pytest

from stream.cli.demo_account import Chains
from stream.cli.times import parse_end, parse_time, shown
from stream.errors import ConfigError


def test_times_are_read_as_utc_unless_they_say_otherwise() -> None:
    """Dates, local times and offsets; anything else is refused with an example."""
    assert parse_time("2026-11-22") == parse_time("2026-11-22T00:00:00Z") == 1_795_305_600_000
    assert parse_time("2026-11-22T02:00:00+02:00") == parse_time("2026-11-22")
    assert shown(parse_time("2026-11-22T10:00:00Z")) == "2026-11-22T10:00:00Z"
    with pytest.raises(ConfigError):
        parse_time("yesterday")


def test_an_end_is_a_time_or_so_long_from_now() -> None:
    """Days, hours, minutes, seconds; what is over is no end."""
    now_ms = parse_time("2026-11-22")
    assert parse_end("+7d", now_ms) == parse_time("2026-11-29")
    assert parse_end("+36h", now_ms) == parse_time("2026-11-23T12:00")
    assert parse_end("+30m", now_ms) == parse_time("2026-11-22T00:30")
    assert parse_end("+5s", now_ms) == parse_time("2026-11-22T00:00:05")
    assert parse_end("2026-11-23", now_ms) == parse_time("2026-11-23")
    for wrong in ("+7y", "7d", "+d", "+0d", "2026-11-22", "2020-01-01"):
        with pytest.raises(ConfigError):
            parse_end(wrong, now_ms)


@pytest.mark.parametrize(
    ("sequence", "n_broken"), [([1, 2, 3], 0), ([1, 3], 1), ([1, 2, 2, 3], 1), ([2], 1), ([1, 2, 1, 2], 1)]
)
def test_chain_of_scores_knows_gap_and_repeat(sequence: list[int], n_broken: int) -> None:
    """A lost or doubled score breaks its customer's chain, whatever other customers do meanwhile."""
    chains = Chains()
    for seq in sequence:
        chains.add(b"a", msgspec.json.encode({"seq": seq, "trust": 50.0, "churn_risk": None}))
        chains.add(b"b%d" % seq, msgspec.json.encode({"seq": 1, "trust": 50.0, "churn_risk": 0.5}))
    others = len(sequence) - len(set(sequence))  # the other customers' repeats are counted too
    assert chains.n_broken == n_broken + others
