"""An origin is inside the data, or the error says which one would be."""

import re

import pytest

from stream.errors import ConfigError, DataError
from stream.model.columns import MS_PER_DAY
from stream.offline.origins import Origin, day_text, plan
from tests.unit.offline.test_timeline import START_MS, buys, timeline

DATA = timeline([buys("a", day) for day in range(10, 201)])


def _origin(day: int) -> Origin:
    return Origin.at(START_MS + day * MS_PER_DAY, whole_day=True)


def test_a_day_is_known_to_its_end_and_scored_as_of_its_beginning() -> None:
    """A moment is both."""
    whole, moment = _origin(5), Origin.at(START_MS, whole_day=False)
    assert whole.known_ms - whole.scored_ms == MS_PER_DAY - 1
    assert moment.known_ms == moment.scored_ms == START_MS


def test_folds_step_back_by_the_horizon() -> None:
    """Latest first; those before the first event are left out with a warning."""
    origins, warnings = plan(DATA, _origin(160), 40, 3)
    assert [day_text(each.scored_ms) for each in origins] == [
        day_text(START_MS + day * MS_PER_DAY) for day in (160, 120, 80)
    ]
    assert warnings == []
    fewer, warnings = plan(DATA, _origin(160), 40, 9)
    assert len(fewer) == 4
    assert "4 of 9 folds" in warnings[0]


@pytest.mark.parametrize(("day", "horizon"), [(5, 30), (200, 30), (400, 30), (190, 30), (100, 500)])
def test_advice_of_an_error_works(day: int, horizon: int) -> None:
    """Too early, too late, horizon mostly beyond the data: what the hint says to type is accepted."""
    with pytest.raises(ConfigError) as caught:
        plan(DATA, _origin(day), horizon, 1)
    said = re.search(r"--origin (\S+)(?: --horizon-days (\d+))?$", caught.value.hint)
    assert said is not None
    days = int(said[2] or horizon)
    advised = next(_origin(each) for each in range(400) if day_text(_origin(each).scored_ms) == said[1])
    origins, warnings = plan(DATA, advised, days, 1)
    assert len(origins) == 1
    assert [each for each in warnings if "data ends" in each] == []


def test_a_horizon_that_runs_over_the_end_is_told() -> None:
    """By less than half it is a warning that says how many days are missing and what to do."""
    _origins, warnings = plan(DATA, _origin(180), 30, 1)
    assert "the data ends 11 days before the horizon does" in warnings[0]
    assert "--horizon-days 19" in warnings[0]


def test_a_horizon_longer_than_the_past_is_told() -> None:
    """What is learnt from shorter windows is called extrapolated."""
    _origins, warnings = plan(DATA, _origin(60), 100, 1)
    assert "longer than the 51 days known" in warnings[0]
    assert "shorten --horizon-days to 50, or give a later origin" in warnings[0]


def test_a_file_in_which_nobody_can_leave_is_no_backtest() -> None:
    """Without purchases and contracts there is nothing to foretell."""
    with pytest.raises(DataError, match="no purchase and no subscription"):
        plan(timeline([]), _origin(60), 100, 1)
