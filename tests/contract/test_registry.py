"""Topics: each declared once, completely, and consistent with the contracts and with each other."""

from __future__ import annotations

import re
import tomllib

import msgspec
import pytest

from schemas.interaction import MAX_RECORD_BYTES
from schemas.registry import CONTRACTS, ROOT, TOPICS, TopicSpec, parse

DAY_MS = 86_400_000
SETTINGS = {
    "cleanup.policy", "delete.retention.ms", "max.compaction.lag.ms", "max.message.bytes",
    "message.timestamp.after.max.ms", "min.cleanable.dirty.ratio", "min.compaction.lag.ms", "retention.ms",
    "segment.ms",
}  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_topic_is_declared_completely(topic: TopicSpec) -> None:
    """Each topic says what it is, who writes and reads it, and how long it remembers."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", topic.name)
    assert (ROOT / "topics" / f"{topic.name}.toml").exists()
    assert topic.description
    assert topic.key
    assert topic.producers
    assert topic.consumers
    assert set(topic.config) <= SETTINGS
    assert "max.message.bytes" in topic.config
    assert topic.config["cleanup.policy"] == {"retention": "delete", "compact": "compact"}[topic.kind]
    needed = {"retention.ms"} if topic.kind == "retention" else {"segment.ms", "delete.retention.ms"}
    assert needed <= set(topic.config)


def test_topics_are_the_ones_that_the_rooms_rely_on() -> None:
    """A renamed topic is a change for everybody: it shows here first."""
    assert set(TOPICS) == {
        "interactions", "customers-changelog", "scores", "alerts", "alert-log", "alert-commands",
        "privacy-commands", "segments", "dead-letters", "notify-ledger", "notify-dead-letters",
    }  # fmt: skip


def test_no_contract_is_orphaned() -> None:
    """Every contract is carried by a topic."""
    assert {topic.struct for topic in TOPICS.values()} - {None} == set(CONTRACTS)


def test_refused_record_fits_the_dead_letters_whatever_its_size() -> None:
    """The original and our headers fit; and what is refused for its size can reach us at all."""
    largest = int(TOPICS["interactions"].config["max.message.bytes"])
    assert int(TOPICS["dead-letters"].config["max.message.bytes"]) >= largest + 64 * 1024
    assert largest > 5 * MAX_RECORD_BYTES


def test_dead_letters_outlive_their_source() -> None:
    """A letter is still there when the original is gone; people need two weeks at least."""
    kept = int(TOPICS["dead-letters"].config["retention.ms"])
    assert kept >= 14 * DAY_MS
    assert kept > int(TOPICS["interactions"].config["retention.ms"])


def test_deletions_stay_readable_for_a_week() -> None:
    """A reader that was away for a weekend still learns that a customer is gone."""
    for topic in TOPICS.values():
        if topic.kind == "compact":
            assert int(topic.config["delete.retention.ms"]) >= 7 * DAY_MS, topic.name


def test_erased_customer_leaves_compacted_topics_within_a_day() -> None:
    """A tombstone alone erases nothing: compaction is due within a day."""
    for name in ("customers-changelog", "scores", "alerts"):
        assert int(TOPICS[name].config["max.compaction.lag.ms"]) <= DAY_MS


TOML = """
name = "x"
description = "d"
key = "k"
kind = "compact"
producers = ["p"]
consumers = ["c"]
customer_partitioned = false
"""


def test_declaration_with_a_misspelt_field_is_refused() -> None:
    """A typing error is not silently a default."""
    assert parse(TOML).config == {"cleanup.policy": "compact"}
    for wrong in ('strukt = "ScoreV1"', "consumers = 3", 'kind = "compacted"', 'struct = "ScoreV9"'):
        name = wrong.split(" = ", maxsplit=1)[0]
        text = "\n".join(line for line in TOML.splitlines() if not line.startswith(name)) + "\n" + wrong
        with pytest.raises((msgspec.ValidationError, KeyError)):
            parse(text)
    with pytest.raises(tomllib.TOMLDecodeError):
        parse("name =")


def test_a_worker_with_a_wrong_clock_is_not_refused() -> None:
    """By default Kafka refuses records more than an hour ahead of it, and the worker could commit nothing."""
    written = [topic for topic in TOPICS.values() if topic.producers == ("kizuna worker",)]
    assert len(written) == 6
    for topic in written:
        assert int(topic.config["message.timestamp.after.max.ms"]) == 2**63 - 1, topic.name
