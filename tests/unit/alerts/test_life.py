"""Each line of the table of states, told as a story."""

import pytest

from stream.alerts.life import owner
from stream.state.alerts import State
from stream.state.people import People, Said, Snooze
from tests.strategies import HOUR_MS
from tests.unit.alerts.story import LOW, Holding, Story, low

ESCALATES = {"escalate": 20.0, "escalate_severity": "critical", "escalate_owner": "lead"}


def say(story: Story, state: State, people: People) -> None:
    """What a command does to a slot; commands themselves are tested elsewhere."""
    story.slot["state"], story.slot["since_ms"] = state, story.now_ms
    story.alerts.people[story.place] = people


# --- nothing there ------------------------------------------------------------------------------------------


def test_nothing_happens_unless_triggered() -> None:
    """Neither a good value, nor an absent one, nor one out of scope claims a slot."""
    story = Story(LOW)
    assert story.kinds(60.0, None) == ["", ""]
    assert story.tell(10.0, in_scope=False) == []
    assert len(story.alerts) == 0


def test_without_hold_it_opens_at_once() -> None:
    """The next episode begins, and people are told."""
    [opened] = Story(LOW).tell(40.0)
    assert (opened.kind, opened.state, opened.episode, opened.seq) == ("opened", State.OPEN, 1, 1)
    assert (opened.severity, opened.notifications, opened.reason) == ("warning", 1, "")
    assert opened.opened_ms == opened.since_ms == opened.now_ms


def test_nothing_opens_in_the_cool_down() -> None:
    """Until so long after the end; at its very end it does, by time alone."""
    story = Story(low(cooldown_hours=5))
    assert story.kinds(30, 60, 30, 30, 30, 30) == ["opened", "resolved", "", "", "", ""]
    assert story.due_in_hours == 1.0
    assert story.kinds(30) == ["opened"]


def test_rising_severity_ends_the_cool_down() -> None:
    """Only one above that of the last episode does."""
    story = Story(low(cooldown_hours=9, **ESCALATES))
    assert story.kinds(30, 60, 30, 20) == ["opened", "resolved", "", "opened"]
    assert story.kinds(60, 20, 20) == ["resolved", "", ""]


def test_expired_opens_again_only_when_heard() -> None:
    """Else the same silence would open the same alert for ever."""
    story = Story(low(expire_days=1))
    story.tell(30)
    assert [each.kind for each in story.tell(30, hours=24, heard=False)] == ["expired"]
    assert story.kinds(30, 30, heard=False) == ["", ""]
    assert story.kinds(30) == ["opened"]


# --- pending ------------------------------------------------------------------------------------------------


def test_hold_waits_and_opens_when_it_is_over() -> None:
    """The condition must hold for so long; then the alert opens, at that time."""
    story = Story(low(hold_hours=3))
    assert story.kinds(30, 30, 30) == ["", "", ""]
    assert (story.state, story.due_in_hours) == (State.PENDING, 1.0)
    [opened] = story.tell(30, heard=False)
    assert (opened.kind, opened.opened_ms) == ("opened", story.now_ms)


@pytest.mark.parametrize("relenting", [41.0, None])
def test_relenting_starts_the_wait_anew(relenting: float | None) -> None:
    """A condition that is interrupted, or not known, has not held; nobody hears of it."""
    story = Story(low(hold_hours=3))
    assert story.kinds(30, 30, 30, relenting) == ["", "", "", ""]
    assert (story.state, story.due_in_hours) == (State.NONE, None)
    assert story.kinds(30, 30, 30, 30) == ["", "", "", "opened"]


def test_relenting_keeps_what_was_before() -> None:
    """Back to resolved with the cool-down as it was; back to expired, still unheard."""
    story = Story(low(hold_hours=2, cooldown_hours=10, **ESCALATES))
    assert story.kinds(30, 30, 30, 60) == ["", "", "opened", "resolved"]
    ended = int(story.slot["since_ms"])
    assert story.kinds(20, 60) == ["", ""]
    assert (story.state, int(story.slot["since_ms"])) == (State.RESOLVED, ended)
    assert story.kinds(30, 30, 30) == ["", "", ""]
    assert story.state is State.RESOLVED
    assert story.kinds(*[30] * 7)[-1] == "opened"


# --- suppressed ---------------------------------------------------------------------------------------------


def test_held_back_is_suppressed_and_then_released() -> None:
    """One episode; it opens when it is let through, and people are told only then."""
    gate = Holding(2)
    story = Story(LOW, gate=gate)
    [held] = story.tell(30)
    assert (held.kind, held.state, held.held, held.opened_ms) == ("suppressed", State.SUPPRESSED, 2, 0)
    assert (held.episode, held.notifications, story.tell(30)) == (1, 0, [])
    gate.why = 0
    [released] = story.tell(30, heard=False)
    assert (released.kind, released.state, released.episode, released.seq) == ("released", State.OPEN, 1, 2)
    assert (released.opened_ms, released.held, released.notifications) == (story.now_ms, 0, 1)
    assert gate.asked == [False, True, True]


@pytest.mark.parametrize("value", [41.0, None])
def test_held_back_and_over_never_opened(value: float | None) -> None:
    """Nobody is told, and no cool-down begins."""
    story = Story(low(cooldown_hours=9), gate=Holding())
    story.tell(30)
    [over] = story.tell(value)
    assert (over.kind, over.reason, over.opened_ms, over.held) == ("resolved", "never_opened", 0, 0)
    assert over.notifications == 0
    assert story.kinds(30) == ["suppressed"]


def test_what_is_held_back_asks_again_by_itself() -> None:
    """Within a minute, for a budget is one of minutes."""
    story = Story(LOW, gate=Holding())
    story.tell(30)
    assert story.due_in_hours == pytest.approx(1 / 60)


# --- open, acknowledged, snoozed ----------------------------------------------------------------------------


def test_cleared_and_heard_resolves() -> None:
    """A value that only faded in silence is no recovery; one of which something was heard is."""
    story = Story(LOW)
    story.tell(30)
    assert story.kinds(60, 60, heard=False) == ["", ""]
    [over] = story.tell(60)
    assert (over.kind, over.state, over.reason, over.notifications) == (
        "resolved",
        State.RESOLVED,
        "recovered",
        2,
    )


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED])
def test_keep_open_recovers_first_and_comes_back_to_what_it_was(state: State) -> None:
    """Not cleared while it recovers, or not known: back; cleared for so long: over."""
    story = Story(low(keep_open_hours=2))
    story.tell(30)
    say(story, state, People(snooze=Snooze("eva", story.now_ms + 99 * HOUR_MS)))
    assert story.kinds(60) == ["recovering"]
    assert story.due_in_hours == 2.0
    [back] = story.tell(50)
    assert (back.kind, back.state, back.opened_ms) == ("relapsed", state, story.now_ms - 2 * HOUR_MS)
    assert story.kinds(60, None, 60, 60, 60) == ["recovering", "relapsed", "recovering", "", "resolved"]


def test_silence_since_the_last_word_expires_it() -> None:
    """So long after the opening, or after what was heard later; by time alone."""
    story = Story(low(expire_days=2))
    story.tell(30)
    story.tell(30, hours=24)
    assert story.tell(30, hours=47, heard=False) == []
    assert story.due_in_hours == 1.0
    [over] = story.tell(30, heard=False)
    assert (over.kind, over.state, over.reason) == ("expired", State.EXPIRED, "expired")


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED])
def test_worse_value_escalates_whatever_a_person_said(state: State) -> None:
    """Severity and owner rise once, it is open, and what was said of it is over."""
    story = Story(low(**ESCALATES))
    story.tell(30)
    until_ms = story.now_ms + 99 * HOUR_MS
    say(story, state, People(Said("eva", 1), Snooze("eva", until_ms), Said("eva", 1, "hm"), "eva", [7]))
    assert story.kinds(20.01) == [""]
    [risen] = story.tell(20)
    assert (risen.kind, risen.state, risen.severity) == ("escalated", State.OPEN, "critical")
    said = story.alerts.people[story.place]
    assert said == People(note=Said("eva", 1, "hm"), commands=[7])
    assert owner(risen.rule, risen.severity, said) == "lead"
    assert story.kinds(10, 30) == ["", ""]


def test_opens_with_the_higher_severity_at_once() -> None:
    """Beyond the second line from the start: no second transition follows."""
    story = Story(low(**ESCALATES))
    [opened] = story.tell(15)
    assert (opened.severity, owner(opened.rule, opened.severity, None)) == ("critical", "lead")
    assert story.kinds(10) == [""]


def test_open_for_too_long_escalates_and_acknowledged_does_not() -> None:
    """Time alone: nobody took it on."""
    rule = low(escalate_severity="error", escalate_after_hours=4)
    story = Story(rule)
    story.tell(30)
    assert story.due_in_hours == 4.0
    assert story.kinds(30, 30, 30, 30, 30, heard=False) == ["", "", "", "escalated", ""]
    assert story.slot["severity"] == 3
    other = Story(rule)
    other.tell(30)
    say(other, State.ACKNOWLEDGED, People(Said("eva", 1)))
    assert other.kinds(*[30] * 6) == [""] * 6


def test_snooze_ends_by_time_alone() -> None:
    """It is open again, and people are told."""
    story = Story(LOW)
    story.tell(30)
    say(story, State.SNOOZED, People(snooze=Snooze("eva", story.now_ms + 3 * HOUR_MS)))
    assert story.kinds(30, 30) == ["", ""]
    assert story.due_in_hours == 1.0
    [awake] = story.tell(30)
    assert (awake.kind, awake.state, awake.notifications) == ("snooze_over", State.OPEN, 2)
    assert story.alerts.people[story.place].snooze is None


def test_next_episode_forgets_what_was_said_but_not_which_commands() -> None:
    """A command that comes twice must be known for longer than an alert lasts."""
    story = Story(LOW)
    story.tell(30)
    say(story, State.ACKNOWLEDGED, People(Said("eva", 1), assignee="eva", commands=[7]))
    assert story.kinds(60) == ["resolved"]
    assert story.alerts.people[story.place].assignee == "eva"
    assert story.kinds(30) == ["opened"]
    assert story.alerts.people[story.place] == People(commands=[7])


# --- all of them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED, State.RECOVERING])
def test_no_data_never_resolves(state: State) -> None:
    """However long nothing is known, though much is heard."""
    story = Story(low(keep_open_hours=2))
    story.tell(30)
    say(story, state, People(snooze=Snooze("eva", story.now_ms + 99 * HOUR_MS)))
    story.slot["back"] = State.OPEN
    assert set(story.kinds(*[None] * 50)) <= {"", "relapsed"}


def test_shadow_tells_nobody() -> None:
    """It is published all the same."""
    story = Story(low(mode="shadow"))
    told = [*story.tell(30), *story.tell(60)]
    assert [(each.kind, each.notifications) for each in told] == [("opened", 0), ("resolved", 0)]


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED, State.RECOVERING])
def test_a_rule_that_goes_on_trial_ends_what_people_were_told_of(state: State) -> None:
    """At once, whatever is known of the customer, and they are told; what opens after that is a trial."""
    story = Story(low(cooldown_hours=2))
    story.tell(30)
    say(story, state, People(snooze=Snooze("eva", story.now_ms + 99 * HOUR_MS)))
    story.rules = Story(low(cooldown_hours=2, mode="shadow")).rules
    [over] = story.tell(None, heard=False)
    assert (over.kind, over.state, over.reason) == ("resolved", State.RESOLVED, "rule_on_trial")
    assert (over.mode, over.notifications, over.episode) == ("live", 2, 1)
    assert story.kinds(30) == [""]
    [trial] = story.tell(30)
    assert (trial.kind, trial.mode, trial.notifications, trial.episode) == ("opened", "shadow", 0, 2)
    assert [each.kind for each in story.tell(30)] == []


def test_a_rule_that_goes_live_and_back_ends_what_people_were_told_of() -> None:
    """They are told of an alert that opened on trial by its first transition after that."""
    story, live = Story(low(mode="shadow", keep_open_hours=2)), Story(low(keep_open_hours=2)).rules
    trial = story.rules
    story.tell(30)
    story.rules = live
    [told] = story.tell(60)
    assert (told.kind, told.mode, told.notifications) == ("recovering", "live", 1)
    story.rules = trial
    [over] = story.tell(30)
    assert (over.reason, over.mode, over.notifications) == ("rule_on_trial", "live", 2)


def test_alert_of_a_removed_rule_stays_and_asks_for_nothing() -> None:
    """It goes on where it was when the rule comes back."""
    story = Story(LOW)
    story.tell(30)
    kept = story.rules
    story.rules = Story().rules
    assert story.kinds(60) == [""]
    assert story.alerts.due(2**62, 9).tolist() == []
    story.rules = kept
    [over] = story.tell(60)
    assert (over.kind, over.episode, over.seq) == ("resolved", 1, 2)
