"""The shipped parameters against the published figures."""

import pytest

from stream.alerts import rules
from stream.model import parameters
from stream.offline.evaluate import cdnow_39_39


def test_cdnow_39_39_gives_the_published_figures() -> None:
    """MBG/NBD on the sample: AUC .760 beside recency's .771, Brier .161, 71.0 % of 2,357 gone."""
    found = cdnow_39_39(parameters.load(), rules.load())
    assert found.n == 2_357
    assert found.churn_rate == pytest.approx(0.710, abs=0.0005)
    assert found.recency == pytest.approx(0.771, abs=0.0005)
    assert found.kizuna == pytest.approx(0.760, abs=0.0005)
    assert found.brier == pytest.approx(0.161, abs=0.0005)
