"""What is shown beside the computed value: it never hides it, expires exactly, and merges in any order."""

from functools import reduce

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import ModelError
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, seconds
from stream.model.override import BANDS, EXCEPTIONS, Override, Standing, computed_bands, merged, standing

SHIPPED = parameters.load()
NOW_MS = 1_767_225_600_000
CHARGEBACK, INCIDENT = EXCEPTIONS.index("chargeback"), EXCEPTIONS.index("critical_incident")

times = st.integers(NOW_MS - 9, NOW_MS + 9)
overrides = st.builds(
    Override, times, times, st.integers(-1, 4), st.sampled_from(["a", "b"]), st.sampled_from(["", "r"])
)


@given(st.lists(overrides, min_size=1, max_size=6), st.randoms())
def test_latest_decision_wins_in_any_order(decided: list[Override], chance: object) -> None:
    """By time, on a tie the larger value; split, repeated and shuffled decisions end the same."""
    shuffled = decided + decided[:2]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis's Random, typed as object there
    halves = (reduce(merged, part, None) for part in (shuffled[:3], shuffled[3:]))
    found = reduce(merged, halves)
    assert found == max(decided)
    assert found.issued_ms == max(one.issued_ms for one in decided)


@given(overrides, times)
def test_an_override_holds_until_its_expiry_and_not_longer(one: Override, now_ms: int) -> None:
    """To the millisecond; a withdrawal never holds."""
    holds = standing({}, one, now_ms, SHIPPED)
    assert (holds.override == one) == (one.band >= 0 and now_ms < one.until_ms)
    assert holds.band == (one.band if holds.override else None)
    assert (holds.mark > 0) == (holds.override is not None)


@given(st.integers(NOW_MS - 40 * MS_PER_DAY, NOW_MS), st.integers(-2, 2))
def test_an_exception_holds_for_its_days_exactly(at_ms: int, off: int) -> None:
    """From the second of its event for the declared days; the millisecond after that it is over."""
    last_s = {CHARGEBACK: int(seconds(np.array([at_ms]))[0])}
    end_ms = at_ms // 1000 * 1000 + 30 * MS_PER_DAY
    assert (standing(last_s, None, end_ms + off, SHIPPED).band is not None) == (off < 0)


def test_the_worst_forced_band_is_shown_and_a_person_beats_it() -> None:
    """Both stay in the answer: what forces, and what was decided."""
    rules = msgspec.structs.replace(
        SHIPPED.exceptions, critical_incident=parameters.ForcedBand(band="low", days=60.0)
    )
    declared = msgspec.structs.replace(SHIPPED, exceptions=rules)
    second = int(seconds(np.array([NOW_MS]))[0])
    last_s = {INCIDENT: second, CHARGEBACK: second}
    forced = standing(last_s, None, NOW_MS, declared)
    assert [(each.event, BANDS[each.band]) for each in forced.forced] == [
        ("chargeback", "critical"),
        ("critical_incident", "low"),
    ]
    assert forced.band == BANDS.index("critical")
    person = Override(NOW_MS, NOW_MS + 1, BANDS.index("good"), "mika", "our mistake")
    both = standing(last_s, person, NOW_MS, declared)
    assert (both.band, both.override, both.forced) == (BANDS.index("good"), person, forced.forced)


def test_every_state_of_affairs_has_its_own_mark() -> None:
    """A sweep compares marks only: whatever begins or ends must change it."""
    second = (NOW_MS - EPOCH_1990_MS) // 1000 + 1
    person = Override(NOW_MS, NOW_MS + 1, 2, "a", "r")
    found = [
        standing(dict.fromkeys(places, second), one, NOW_MS, SHIPPED).mark
        for places in ((), (CHARGEBACK,), (INCIDENT,), (CHARGEBACK, INCIDENT))
        for one in (None, person)
    ]
    assert len(set(found)) == len(found)
    assert max(found) < 256
    assert Standing((), None).mark == 0


@given(st.integers(0, 10_000))
def test_every_trust_has_the_band_it_lies_in(trust_centi: int) -> None:
    """A band includes its beginning and ends where the next begins."""
    begins = [0, *(getattr(SHIPPED.bands, name) for name in BANDS[1:]), 101]
    band = int(computed_bands(np.array([trust_centi], np.int32), SHIPPED.bands)[0])
    assert begins[band] <= trust_centi / 100 < begins[band + 1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("low = 20.0", "low = 40.0"),
        ("strong = 80.0", "strong = 100.0"),
        ('band = "critical", days = 30.0', 'band = "gone", days = 30.0'),
        ("days = 14.0", "days = -1.0"),
    ],
)
def test_bands_and_exceptions_without_meaning_are_refused(before: str, after: str) -> None:
    """Bands rise, days are not negative, and a forced band is one of the five."""
    text = parameters.SHIPPED.read_text(encoding="utf-8")
    assert before in text
    with pytest.raises(ModelError):
        parameters.parse(text.replace(before, after, 1))
