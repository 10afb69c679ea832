"""What a shell learns of a demo."""

from pathlib import Path

import pytest

from stream.cli.demo_account import Account
from stream.cli.demo_summary import Summary, as_json, judge
from stream.errors import KizunaError
from stream.offline.evaluate import ChurnTest


def _summary(*faults: str) -> Summary:
    account = Account(3, faults=list(faults))
    churn = ChurnTest(0.8, 0.7, 0.1, 0.5, 10)
    return Summary(account, churn, churn, None, 1.0, 1.0, 0)


def test_account_that_does_not_add_up_fails_the_demo() -> None:
    """Exit code 1, with what is wrong and where to look; without faults nothing is raised."""
    with pytest.raises(KizunaError, match="2 sent, 3 committed") as caught:
        judge(_summary("2 sent, 3 committed"), Path("worker.log"))
    assert caught.value.exit_code == 1
    assert "worker.log" in caught.value.hint
    assert as_json(_summary("2 sent, 3 committed"))["exactly_once"] is False
    judge(_summary(), Path("worker.log"))
    assert as_json(_summary())["exactly_once"] is True
