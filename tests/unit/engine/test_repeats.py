"""While Kafka is away the log stays readable, and says what it left out."""

import logging

from stream.engine.repeats import Repeats


def record(template: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, template, values, None)


def test_a_message_is_heard_once_per_interval_and_then_with_its_count() -> None:
    """The same template with other values is the same message; another template is not."""
    now = 0.0
    repeats = Repeats(10, lambda: now)
    assert repeats.filter(record("node %d away", 1))
    assert repeats.filter(record("no coordinator"))
    assert not any(repeats.filter(record("node %d away", number)) for number in (1, 2, 3))
    now = 10.0
    later = record("node %d away", 4)
    assert repeats.filter(later)
    assert later.getMessage() == "node 4 away (and 3 times since)"
