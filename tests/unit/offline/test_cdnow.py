"""CDNOW: the counts and dates that the literature knows, and what a move in time may not change."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import metadata

import pytest

from schemas.codec import decode_interaction, encode
from stream.errors import DataError
from stream.offline import cdnow

NOW_MS = 1_795_416_123_456


def test_every_purchase_of_every_customer_is_there() -> None:
    """69,659 purchases of 23,570 customers from 1997-01-01 to 1998-06-30; 2,357 customers in the sample."""
    master, sample = cdnow.sales(), cdnow.sales("sample")
    assert (len(master), len({sale.customer for sale in master})) == (69_659, 23_570)
    assert (len(sample), len({sale.customer for sale in sample})) == (6_919, 2_357)
    assert (master[0].day.isoformat(), master[-1].day.isoformat()) == ("1997-01-01", "1998-06-30")
    assert sum(sale.amount for sale in master) == pytest.approx(2_500_315.63)


def test_sample_is_a_part_of_the_master() -> None:
    """Both files call a customer the same and hold the same purchases of it."""
    chosen = {sale.customer for sale in cdnow.sales("sample")}
    master = Counter((s.customer, s.day, s.items, s.amount) for s in cdnow.sales() if s.customer in chosen)
    sample = Counter((s.customer, s.day, s.items, s.amount) for s in cdnow.sales("sample"))
    assert sample == master


def test_each_line_is_an_event_of_its_own() -> None:
    """Equal lines of one customer stay two purchases, and each is valid on the wire."""
    events = list(cdnow.interactions())
    assert len({event.event_id for event in events}) == len(events)
    assert all(decode_interaction(encode(event)) == event for event in events)


def test_shift_moves_all_by_the_same_amount() -> None:
    """The last purchase is at the given time, and the order and every distance stay."""
    real, moved = list(cdnow.interactions()), list(cdnow.interactions(NOW_MS))
    distances = {new.occurred_at - old.occurred_at for old, new in zip(real, moved, strict=True)}
    assert len(distances) == 1
    assert moved[-1].occurred_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=NOW_MS)
    assert [event.event_id for event in real] == [event.event_id for event in moved]


def test_order_is_the_order_of_time() -> None:
    """A replay needs no sorting."""
    times = [event.occurred_at for event in cdnow.interactions()]
    assert times == sorted(times)


def test_absent_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the data the next step is named."""

    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cdnow, "distribution", absent)
    with pytest.raises(DataError) as caught:
        cdnow.sales()
    assert caught.value.hint == "make setup"
