"""A seed is enough to strike the same faults again."""

from collections import Counter

from tests.fault.history import history
from tests.fault.kinds import KINDS
from tests.fault.run import known, schedule


def test_the_same_seed_gives_the_same_schedule_and_history() -> None:
    """And another seed others."""
    assert schedule(40, 7, list(KINDS)) == schedule(40, 7, list(KINDS)) != schedule(40, 8, list(KINDS))
    assert history(20, 30, 7) == history(20, 30, 7) != history(20, 30, 8)


def test_no_kind_strikes_much_more_often_than_another() -> None:
    """However many faults are asked for, the counts of two kinds differ by one at most."""
    for faults in (1, 17, 40, 200):
        counts = Counter(dict.fromkeys(KINDS, 0)) + Counter(schedule(faults, 1, list(KINDS)))
        assert sum(counts.values()) == faults
        assert max(counts.values()) - min(counts[kind] for kind in KINDS) <= 1


def test_a_kind_says_in_one_line_what_it_does() -> None:
    """`--help` prints it; a name that is none is known as such."""
    assert all(kind.__doc__ and "\n" not in kind.__doc__.strip() for kind in KINDS.values())
    assert known(["worker_kill", "sunshine"]) == ["sunshine"]
