"""Mappings that ship, on the files they are for, or on rows made up in their shape."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Literal

import pytest

from schemas.codec import encode
from schemas.interaction import Delivery, Payment, Profile, Purchase, Refund, Review, Subscription
from stream.offline import cdnow
from stream.offline.importing import mapping_file as mapping
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


RETAIL = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,"15CM CHRISTMAS GLASS BALL, 20 LIGHTS",12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489434,79323P,PINK CHERRY LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom
C489449,22087,PAPER BUNTING WHITE LACE,-12,2009-12-01 10:33:00,2.95,16321.0,Australia
489464,21733,85123a mixed,-96,2009-12-01 10:52:00,0.0,,United Kingdom
"""


def test_online_retail_invoices_become_purchases_and_returns(tmp_path: Path) -> None:
    """Lines of an invoice are added up, C invoices are returns, rows without customer are left out."""
    _, text, _ = mapping.load("online-retail")
    found = imported(tmp_path, {"online_retail_II.csv": RETAIL}, text)
    bought, returned = found.events
    assert isinstance(bought, Purchase)
    assert (bought.order_id, bought.amount, bought.items) == ("489434", 164.4, 24)
    assert isinstance(returned, Refund)
    assert (returned.kind, returned.amount, returned.order_id) == ("return", 35.4, "C489449")
    assert (found.account.n_used, found.account.n_unwanted, found.rejects) == (3, 1, [])


def test_online_retail_of_2010_has_other_names_and_another_time(tmp_path: Path) -> None:
    """InvoiceNo, UnitPrice, CustomerID; the day first; a description in another encoding does no harm."""
    _, text, _ = mapping.load("online-retail")
    csv = (
        b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        b"536365,85123A,CR\xc8ME CUPID,6,01/12/2010 08:26,2.55,17850,United Kingdom\n"
    )
    (bought,) = imported(tmp_path, {"data.csv": csv}, text).events
    assert (str(bought.occurred_at), bought.amount) == ("2010-12-01 08:26:00+00:00", 15.3)


TELCO = """customerID,gender,tenure,Contract,MonthlyCharges,TotalCharges,Churn
7590-VHVEG,Female,3,Month-to-month,29.85,89.55,Yes
5575-GNVDE,Male,24,One year,56.95,1366.8,No
4472-LVYGI,Female,0,Two year,52.55, ,No
"""


def test_telco_snapshot_becomes_contracts_and_payments(tmp_path: Path) -> None:
    """Tenure places the start, terms the renewals, months the payments; who left cancels on the day."""
    _, text, _ = mapping.load("telco")
    found = imported(tmp_path, {"WA_Fn-UseC_-Telco-Customer-Churn.csv": TELCO}, text)
    steps = {
        customer: [
            (
                event.status,
                f"{event.occurred_at:%Y-%m-%d}",
                f"{event.term_end:%Y-%m-%d}" if event.term_end else "",
            )
            for event in found.events
            if isinstance(event, Subscription) and event.subscription_id == customer
        ]
        for customer in ("7590-VHVEG", "5575-GNVDE", "4472-LVYGI")
    }
    assert steps == {
        "7590-VHVEG": [
            ("started", "2018-10-01", "2018-11-01"),
            ("renewed", "2018-11-01", "2018-12-01"),
            ("renewed", "2018-12-01", "2019-01-01"),
            ("cancelled", "2019-01-01", ""),
        ],
        "5575-GNVDE": [
            ("started", "2017-01-01", "2018-01-01"),
            ("renewed", "2018-01-01", "2019-01-01"),
            ("renewed", "2019-01-01", "2020-01-01"),
        ],
        "4472-LVYGI": [("started", "2019-01-01", "2021-01-01")],
    }
    paid = [event for event in found.events if isinstance(event, Payment)]
    assert len(paid) == 3 + 24
    assert {event.amount for event in paid} == {29.85, 56.95}
    assert {event.segment for event in found.events if isinstance(event, Profile)} == {
        "month",
        "year",
        "two-years",
    }
    assert found.rejects == []


def test_kkbox_transactions_become_renewals_and_cancellations(tmp_path: Path) -> None:
    """Days in Taipei; a cancellation is no payment; equal rows are two events with ids of their own."""
    _, text, _ = mapping.load("kkbox")
    row = "u1,41,30,149,149,1,20150930,20151101,0\n"
    csv = (
        "msno,payment_method_id,payment_plan_days,plan_list_price,actual_amount_paid,is_auto_renew,"
        f"transaction_date,membership_expire_date,is_cancel\n{row}{row}u2,41,30,149,0,1,20151001,20151002,1\n"
    )
    found = imported(tmp_path, {"transactions.csv": csv}, text)
    contracts = [event for event in found.events if isinstance(event, Subscription)]
    assert [event.status for event in contracts] == ["renewed", "renewed", "cancel_requested"]
    assert str(contracts[0].occurred_at) == "2015-09-29 16:00:00+00:00"
    assert len({event.event_id for event in found.events}) == len(found.events) == 5


def test_grocery_baskets_lie_on_numbered_days(tmp_path: Path) -> None:
    """dunnhumby: line items of a basket are one purchase on its day."""
    _, text, _ = mapping.load("dunnhumby")
    csv = (
        "household_key,BASKET_ID,DAY,PRODUCT_ID,QUANTITY,SALES_VALUE,STORE_ID,RETAIL_DISC,TRANS_TIME,WEEK_NO\n"
        "2375,26984851472,1,1004906,1,1.39,364,-0.6,1631,1\n2375,26984851472,1,1033142,1,0.82,364,0,1631,1\n"
        "1364,26984896261,711,842930,1,2.19,31742,0,1520,102\n"
    )
    one, other = imported(tmp_path, {"transaction_data.csv": csv}, text).events
    assert (one.amount, one.items, f"{one.occurred_at:%Y-%m-%d}") == (2.21, 2, "2014-01-02")
    assert f"{other.occurred_at:%Y-%m-%d}" == "2015-12-13"


def test_instacart_days_since_the_order_before_add_up(tmp_path: Path) -> None:
    """Each customer has a calendar of its own that begins with the first order."""
    _, text, _ = mapping.load("instacart")
    csv = (
        "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,days_since_prior_order\n"
        "10,1,prior,1,2,08,\n20,2,prior,1,3,11,\n11,1,prior,2,3,07,15.0\n12,1,prior,3,3,12,21.0\n"
    )
    found = imported(tmp_path, {"orders.csv": csv}, text)
    assert [(event.order_id, f"{event.occurred_at:%m-%d %H}") for event in found.events] == [
        ("10", "01-01 08"), ("20", "01-01 11"), ("11", "01-16 07"), ("12", "02-06 12")
    ]  # fmt: skip


def test_every_shipped_mapping_is_listed_and_loads() -> None:
    """Names that `--mapping` takes are the files that ship."""
    assert {"cdnow", "olist"} <= set(mapping.shipped())
    for name in mapping.shipped():
        assert mapping.load(name)[0].about
