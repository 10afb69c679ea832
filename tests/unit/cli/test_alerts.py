"""`kizuna alerts`: which alerts are shown, in what order, how wide; what is refused unsent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from schemas.alert import AlertV1, Snoozed
from schemas.codec import decode_alert, encode
from schemas.registry import CONTRACTS
from schemas.score import Reason
from stream.cli.alert_table import WIDTH, Choice, choose, lines
from stream.cli.main import run
from stream.texts.languages import ENGLISH, LANGUAGES, Language

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
EXAMPLE = decode_alert(min(CONTRACTS["AlertV1"].examples.glob("valid/*.json")).read_bytes())
WHO = ("--by", "ana", "--bootstrap", "127.0.0.1:1")


def alert(**own: Any) -> AlertV1:
    usual = {
        "customer_id": "c0",
        "rule_id": "trust_low",
        "severity": "warning",
        "state": "open",
        "state_since": NOW - timedelta(hours=3),
        "opened_at": NOW - timedelta(hours=3),
        "due_at": NOW + timedelta(days=2, hours=1),
        "owner": "support",
        "trust": 31.25,
        "churn_risk": 0.8333,
        "reasons": [Reason("trust", "delivery", -9.0), Reason("churn_risk", "silence", 2.0, 64.0, 6.0)],
        "mode": "live",
        "suppressed_by": None,
        "snooze": None,
        "kind": "trust_below",
        "value_at_risk": None,
    }
    fields: dict[str, Any] = {name: getattr(EXAMPLE, name) for name in AlertV1.__struct_fields__}
    made = fields | usual | own
    made["dedup_key"] = f"{made['customer_id']}|{made['rule_id']}"
    return decode_alert(encode(AlertV1(**made)))


def names(alerts: list[AlertV1]) -> list[str]:
    return [each.customer_id for each in alerts]


def test_the_severest_come_first_then_what_is_at_risk_then_the_oldest() -> None:
    """Whatever order they were read in; nothing known to be at risk counts as nothing."""
    found = [
        alert(customer_id="late", severity="info", opened_at=NOW),
        alert(customer_id="old", severity="info", opened_at=NOW - timedelta(days=9)),
        alert(customer_id="dear", severity="info", value_at_risk=500.0),
        alert(customer_id="bad", severity="critical"),
        alert(customer_id="worse", severity="critical", value_at_risk=1.0),
        alert(customer_id="error", severity="error", value_at_risk=9e5),
    ]
    order = ["worse", "bad", "error", "dear", "old", "late"]
    assert names(choose(found, Choice()).alerts) == order
    assert names(choose(found[::-1], Choice()).alerts) == order


def test_what_is_held_back_is_counted_and_listed_by_what_is_at_risk() -> None:
    """Not among the others unless asked for; alone, the severity does not decide."""
    found = [
        alert(customer_id="a", state="suppressed", suppressed_by="budget", value_at_risk=5.0),
        alert(customer_id="b", state="suppressed", suppressed_by="budget", severity="critical"),
        alert(customer_id="c"),
    ]
    usual = choose(found, Choice())
    assert (names(usual.alerts), usual.held) == (["c"], 2)
    held = choose(found, Choice(state="suppressed"))
    assert (names(held.alerts), held.held) == (["a", "b"], 0)
    assert names(choose(found, Choice(state="all")).alerts) == ["b", "a", "c"]
    assert "held back: too many" in "\n".join(lines(held.alerts, NOW_MS, ENGLISH))


def test_rules_on_trial_are_counted_and_shown_when_asked_for() -> None:
    """Nobody is told of them, and a list of what is to be done is no exception."""
    found = [alert(customer_id="a", mode="shadow"), alert(customer_id="b")]
    usual = choose(found, Choice())
    assert (names(usual.alerts), usual.shadow) == (["b"], 1)
    assert names(choose(found, Choice(shadow=True)).alerts) == ["a", "b"]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (Choice(customer="c1"), ["c1"]),
        (Choice(rule="other"), ["c2"]),
        (Choice(severity="critical"), ["c3"]),
        (Choice(state="snoozed"), ["c4"]),
        (Choice(segment="vip"), ["c5"]),
        (Choice(customer="c1", severity="critical"), []),
    ],
)
def test_filters_hold_together(choice: Choice, left: list[str]) -> None:
    """Each one leaves only what it names."""
    found = [
        alert(customer_id="c1"),
        alert(customer_id="c2", rule_id="other"),
        alert(customer_id="c3", severity="critical"),
        alert(customer_id="c4", state="snoozed"),
        alert(customer_id="c5", segment="vip"),
    ]
    assert names(choose(found, choice).alerts) == left


def test_a_table_says_what_a_person_needs() -> None:
    """Who, which, how bad, since when, by when, whose, both scores, and why as a sentence."""
    head, row, why = lines([alert()], NOW_MS, ENGLISH)
    assert " ".join(head.split()) == "customer rule severity state since due owner trust risk"
    assert row.split() == ["c0", "trust_low", "warning", "open", "3h", "2d", "support", "31.2", "0.83"]
    assert why.strip() == "deliveries came late or failed (reliability)"
    late = lines([alert(due_at=NOW - timedelta(minutes=5), churn_risk=None)], NOW_MS, ENGLISH)[1]
    assert late.split()[5:] == ["5m", "late", "support", "31.2", "-"]


def test_the_reason_is_about_what_the_rule_looks_at() -> None:
    """An alert about the risk tells of the risk, with its numbers; a snoozed one also how long it rests."""
    asleep = Snoozed(NOW + timedelta(days=1), "ana", "holiday")
    found = lines([alert(kind="churn_risk_above", state="snoozed", snooze=asleep)], NOW_MS, ENGLISH)
    assert found[2].strip() == (
        "snoozed until 2026-11-27 12:00 UTC by ana; silent for longer than usual (64 days, usual gap 6)"
    )


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=64)


@given(WORDS, WORDS, WORDS, st.sampled_from(sorted(LANGUAGES)))
def test_no_line_is_wider_than_a_terminal_or_moves_its_cursor(
    customer: str, rule: str, owner: str, code: str
) -> None:
    """Whatever senders call their customers; what is cut stands below in full."""
    language: Language = LANGUAGES[code]
    named = "x" + customer  # ids do not begin with a control character
    found = lines([alert(customer_id=named, rule_id=rule, owner=owner), alert()], NOW_MS, language)
    assert all(line.isprintable() for line in found)
    assert all(cell_len(line) <= WIDTH for line in (found[0], found[1], found[3]))
    if named.isprintable():
        assert named.strip() in f"{found[1]}\n{found[2]}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ack", "c0"), "Missing option '--by'"),
        (("assign", "c0", *WHO), "Missing option '--to'"),
        (("snooze", "c0", *WHO, "--reason", "x"), "Missing option '--until'"),
        (("snooze", "c0", *WHO, "--until", "+2d"), "Missing option '--reason'"),
        (("snooze", "c0", *WHO, "--until", "+91d", "--reason", "x"), "more than 90 days ahead"),
        (("snooze", "c0", *WHO, "--until", "2020-01-01", "--reason", "x"), "is over"),
        (("note", "c0", *WHO), "Missing option '--reason'"),
        (("note", "c0", *WHO, "--reason", ""), "`reason` is required"),
        (("ack", "c0", "r" * 65, *WHO), "<= 64"),
        (("ack", "\x01c", *WHO), "control character"),
        (("resolve", "c0", *WHO, "--seq", "-1"), "greater than or equal to 0"),
        (("list", "--state", "asleep"), "'asleep' is not one of"),
    ],
)
def test_a_wrong_command_is_refused_with_exit_code_2(
    arguments: tuple[str, ...], said: str, lonely: Callable[..., tuple[int, str]]
) -> None:
    """No Kafka is asked for it; the sentence says what is wrong."""
    code, printed = lonely("alerts", *arguments)
    assert code == 2
    assert said in printed


@pytest.fixture
def lonely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The command line where no Kafka is: exit code, and what was complained about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZUNA_CONNECT_TIMEOUT_S", "1")

    def answer(*arguments: str) -> tuple[int, str]:
        return run(arguments), capsys.readouterr().err

    return answer


@pytest.mark.parametrize("arguments", [("ack", "c0", *WHO), ("list", *WHO[2:])])
def test_a_kafka_that_is_away_is_said_with_exit_code_1(
    arguments: tuple[str, ...], lonely: Callable[..., tuple[int, str]]
) -> None:
    """In bounded time, and with the way on."""
    code, printed = lonely("alerts", *arguments)
    assert code == 1
    assert "next: start one with `kizuna kafka start`" in printed


def test_a_key_that_cannot_be_read_stops_a_command_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lonely: Callable[..., tuple[int, str]]
) -> None:
    """An unsigned command would be refused by every worker; nothing is asked of Kafka."""
    monkeypatch.setenv("KIZUNA_COMMAND_KEY_FILE", str(tmp_path / "none"))
    code, printed = lonely("alerts", "ack", "c0", *WHO)
    assert code == 2
    assert "cannot read the key" in printed
