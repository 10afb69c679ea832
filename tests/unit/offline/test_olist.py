"""The real Olist orders: imported by the shipped mapping, low reviews foreseen as well as was promised."""

import io
from pathlib import Path

import pytest

from schemas.codec import decode_interaction
from stream.cli.times import parse_time
from stream.offline.importing import mapping_file as mapping
from stream.offline.importing.mapping import Condition
from stream.offline.importing.run import Job, import_files
from stream.offline.low_review import judge
from stream.offline.orders import collect
from tests.real_data import real_data


def test_low_reviews_of_olist_are_foreseen(tmp_path: Path) -> None:
    """A random sample, monthly refits 2017-09 to 2018-08: AUC >= .765, Brier <= .092; overdue days .69."""
    files = sorted(real_data("olist").glob("*.csv.gz"))
    ready, text, source = mapping.load("olist")
    out = io.BytesIO()
    sample = [Condition(column="in_random15k", equals="1")]
    account = import_files(Job(files, ready, text, source, sample), out, io.BytesIO(), tmp_path)
    assert account.n_rows == account.n_used + account.n_unwanted + account.n_refused
    assert account.n_rows == 120_070
    assert dict(account.types) == {"purchase": 14_885, "delivery": 44_274, "review": 14_973}
    assert dict(account.causes) == {"missing_value": 518}  # reviews of orders that no mirror has
    orders, reviews = collect(map(decode_interaction, out.getvalue().splitlines()))
    verdict = judge(orders, reviews, parse_time("2017-09-01"), parse_time("2018-09-01"))
    kizuna, overdue = verdict.models["kizuna"], verdict.models["overdue_days"]
    assert verdict.n > 11_000
    assert verdict.low == pytest.approx(0.146, abs=0.002)
    assert overdue.auc == pytest.approx(0.693, abs=0.005)
    assert kizuna.auc >= 0.765
    assert kizuna.brier <= 0.092
    assert kizuna.ece <= 0.02
    assert verdict.gain[1] > 0.05  # significantly better than the days overdue
