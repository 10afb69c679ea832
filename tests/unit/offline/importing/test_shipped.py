"""Mappings that ship, on the files they are for, or on rows made up in their shape."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Literal

import pytest

from schemas.codec import encode
from schemas.interaction import Delivery, Purchase, Review
from stream.offline import cdnow
from stream.offline.importing import mapping
from tests.unit.offline.importing.imported import imported

ORDERS = (
    "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
    "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date,"
    """customer_unique_id
o1,c1,delivered,2018-01-02 10:00:00,2018-01-02 11:00,2018-01-03 09:00:00,2018-01-09 15:00:00,2018-01-20,anna
o2,c2,unavailable,2018-01-05 10:00:00,,,,2018-01-25,bert
"""
)
ITEMS = """order_id,order_item_id,product_id,seller_id,price,freight_value
o1,1,p1,s2,10.10,5.05
o1,2,p1,s1,20.20,5.05
"""
REVIEWS = (
    "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,"
    """review_answer_timestamp
r1,o1,2,,"late,
very late",2018-01-10 00:00:00,2018-01-11 20:00:00
r2,gone,5,,,2018-01-10 00:00:00,2018-01-11 20:00:00
"""
)


@pytest.mark.parametrize("name", ["master", "sample"])
def test_cdnow_is_imported_as_the_demo_reads_it(tmp_path: Path, name: Literal["master", "sample"]) -> None:
    """The mapping gives, byte for byte, the events of `cdnow.interactions`."""
    path = Path(str(distribution("lifetimes").locate_file(f"lifetimes/datasets/CDNOW_{name}.txt")))
    _, text, _ = mapping.load("cdnow")
    found = imported(tmp_path, {path.name: path.read_bytes()}, text)
    assert found.rejects == []
    assert found.out.splitlines() == [encode(event) for event in cdnow.interactions(name=name)]


def test_olist_order_becomes_a_purchase_deliveries_and_a_review(tmp_path: Path) -> None:
    """Items are added up, a promised day lasts until midnight in Brazil, a review knows when it was asked."""
    _, text, _ = mapping.load("olist")
    files: dict[str, str | bytes] = {"orders.csv": ORDERS, "items.csv": ITEMS, "reviews.csv": REVIEWS}
    found = imported(tmp_path, files, text)
    bought, promised, shipped, late, arrived, review = found.events
    assert isinstance(bought, Purchase)
    assert (bought.customer_id, bought.amount, bought.items) == ("olist-anna", 30.3, 2)
    assert isinstance(promised, Delivery)
    assert promised.seller_ids == ("s1", "s2")
    assert (promised.value, promised.freight, promised.items) == (30.3, 10.1, 2)
    assert str(promised.promised_at) == "2018-01-21 01:59:59+00:00"
    assert (shipped.status, late.delivery_id, late.items, arrived.status) == (
        "shipped",
        "o2",
        None,
        "arrived",
    )
    assert isinstance(review, Review)
    assert (review.rating, str(review.requested_at)) == (2, "2018-01-10 02:00:00+00:00")
    assert found.causes == [(4, "missing_value")]
    assert "no row of orders" in found.rejects[0]["detail"]


def test_every_shipped_mapping_is_listed_and_loads() -> None:
    """Names that `--mapping` takes are the files that ship."""
    assert {"cdnow", "olist"} <= set(mapping.shipped())
    for name in mapping.shipped():
        assert mapping.load(name)[0].about
