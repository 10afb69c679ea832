"""Survey figures against textbook formulas; low answers that were met, against loops."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.model.feedback import ANSWERS, CODE
from stream.model.surveys import figures, met

HOUR_MS = 3_600_000


def figure(instrument: str, answers: list[int]) -> tuple[int, float, float]:
    codes = np.array([CODE[f"{instrument} {score}"] for score in answers], np.int64)
    found = figures(np.zeros(len(codes), np.int64), codes, 1)
    assert all(not each.n.any() for name, each in found.items() if name != instrument)
    its = found[instrument]
    return int(its.n[0]), float(its.value[0]), float(its.error[0])


@given(st.lists(st.integers(0, 10), min_size=2, max_size=60))
def test_nps_is_promoters_less_detractors(answers: list[int]) -> None:
    """In percent; its error is sqrt((p + d - (p - d)^2) / n)."""
    n = len(answers)
    p, d = sum(x >= 9 for x in answers) / n, sum(x <= 6 for x in answers) / n
    error = 100 * math.sqrt(max(p + d - (p - d) ** 2, 0.0) / n)
    assert figure("nps", answers) == pytest.approx((n, 100 * (p - d), error), abs=1e-6)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=60))
def test_csat_is_the_share_of_the_two_highest(answers: list[int]) -> None:
    """In percent; its error is that of a share."""
    n = len(answers)
    p = sum(x >= 4 for x in answers) / n
    error = 100 * math.sqrt(p * (1 - p) / n)
    assert figure("csat", answers) == pytest.approx((n, 100 * p, error), abs=1e-6)


@pytest.mark.parametrize(("instrument", "highest"), [("ces1", 5), ("ces2", 7)])
def test_ces_is_a_mean_on_its_own_scale(instrument: str, highest: int) -> None:
    """The two effort scores are never mixed: one counts down, the other up."""
    answers = [1, highest, highest]
    spread = np.std(answers) / math.sqrt(3)
    assert figure(instrument, answers) == pytest.approx((3, np.mean(answers), spread))


def test_few_answers_say_so() -> None:
    """One answer has a figure without error; none has neither."""
    n, value, error = figure("nps", [10])
    assert (n, value) == (1, 100.0)
    assert math.isnan(error)
    assert all(math.isnan(x) for x in figure("nps", [])[1:])


def test_figures_are_per_owner() -> None:
    """Each owner's answers count for him alone; other feedback for nobody."""
    owner = np.array([0, 2, 2, 2])
    code = np.array([CODE["nps 10"], CODE["nps 0"], CODE["nps 10"], CODE["refund"]])
    its = figures(owner, code, 3)["nps"]
    assert its.n.tolist() == [1, 0, 2]
    assert its.value[[0, 2]].tolist() == [100.0, 0.0]


def test_which_answers_are_low() -> None:
    """Detractors, CSAT 1-2, CES 2.0 1-3, and on CES 1.0 much effort: 4-5."""
    low = {name: sum(its.low) for name, its in ANSWERS.items()}
    assert low == {"nps": 7, "csat": 2, "ces1": 2, "ces2": 3}
    assert ANSWERS["ces1"].low == (False, False, False, True, True)


Times = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 200)), max_size=15)


@given(low=Times, replies=Times, recoveries=Times, now=st.integers(0, 300), order=st.randoms())
def test_feedback_is_met_as_a_loop_says(
    low: list[tuple[int, int]],
    replies: list[tuple[int, int]],
    recoveries: list[tuple[int, int]],
    now: int,
    order: Random,
) -> None:
    """Any reply or recovery after the answer and within the due time counts; before its end one may wait."""
    due = 48
    feedback = [(who, hour, CODE["csat 1"]) for who, hour in low]
    feedback += [(who, hour, CODE["apology"]) for who, hour in recoveries]
    order.shuffle(feedback)
    owner, hour, code = np.array(feedback, np.int64).reshape(-1, 3).T
    by, at = np.array(replies, np.int64).reshape(-1, 2).T
    found = met(owner, hour * HOUR_MS, code, (by, at * HOUR_MS), now * HOUR_MS, due, 3)
    for who in range(3):
        answers = [h for w, h in low if w == who]
        helped = [h for w, h in replies + recoveries if w == who]
        acted = [h for h in answers if any(h < reply <= h + due for reply in helped)]
        assert found.low[who] == len(answers)
        assert found.acted_on[who] == len(acted)
        assert found.waiting[who] == sum(now <= h + due for h in answers if h not in acted)
