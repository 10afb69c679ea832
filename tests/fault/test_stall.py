"""The clock of stalls measures what it says."""

import pytest

from tests.fault.stall import StallClock


def test_a_stall_is_the_wait_of_the_oldest_record_of_the_slowest_partition() -> None:
    """Partition 1 stands still from second 2 to 7 while partition 0 goes on."""
    clock = StallClock()
    clock.mark("stall", 0.0)
    for second in range(10):
        end = 100 * (second + 1)
        done = end if second < 2 or second >= 7 else 200
        clock.look(float(second), {0: end, 1: end}, {0: end, 1: done})
    assert clock.longest_s("stall") == pytest.approx(6.0)  # one look more


def test_a_stall_counts_from_the_end_of_the_fault() -> None:
    """The same standstill felt from its beginning and from a mark in its midst."""
    clock = StallClock()
    clock.mark("outage", 0.0)
    for second in range(10):
        if second == 5:
            clock.mark("stall", 4.5)
        clock.look(float(second), {0: 100 * (second + 1)}, {0: 0 if second < 9 else 1_000})
    assert clock.longest_s("outage") == pytest.approx(9.0)
    assert clock.longest_s("stall") == pytest.approx(4.5)


def test_without_new_records_there_is_no_stall() -> None:
    """A partition that nobody writes to waits for nothing."""
    clock = StallClock()
    clock.mark("stall", 0.0)
    for second in range(10):
        clock.look(float(second), {0: 100}, {0: 100})
    assert clock.longest_s("stall") <= 1.0


def test_what_is_written_while_nobody_can_look_counts_from_before() -> None:
    """A broker away from second 1 to 13: what was sent meanwhile had to wait so long."""
    clock = StallClock()
    clock.look(0.0, {0: 100}, {0: 100})
    clock.mark("outage", 1.0)
    clock.look(13.0, {0: 900}, {0: 900})
    assert clock.longest_s("outage") == pytest.approx(12.0)
