"""The Alertmanager configuration that ships, judged by Alertmanager's own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.notify.alertmanager import AlertmanagerProcess

SHIPPED = Path(__file__).resolve().parents[3] / "deploy/alertmanager/alertmanager.yml"


@pytest.fixture
def amtool() -> str:
    """Its path; skips aloud where there is none."""
    found = shutil.which("amtool")
    if found is None:
        pytest.skip("no `amtool` on PATH (Debian: apt-get install prometheus-alertmanager)")
    return found


def test_amtool_accepts_it(amtool: str) -> None:
    """All of the file, in words of its own."""
    checked = subprocess.run(
        [amtool, "check-config", str(SHIPPED)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "SUCCESS" in checked.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=kizuna_trust_low severity=warning team=support", "support"),
        ("alertname=kizuna_trust_critical severity=critical team=support-lead", "critical"),
        ("alertname=kizuna_mine severity=error team=support-lead", "support-lead"),
        ("alertname=kizuna_churn_risk_high severity=error team=customer-success", "customer-success"),
        ("alertname=kizuna_mass_drop severity=critical team=operations", "operations"),
        ("alertname=kizuna_promise_late severity=warning team=operations", "operations"),
        ("alertname=kizuna_gone severity=info team=none", "support"),
        ("alertname=DiskFull severity=critical", "others"),
    ],
)
def test_its_routes_lead_to_the_team(amtool: str, labels: str, receiver: str) -> None:
    """By team, critical ones by themselves, other programs' alerts aside."""
    command = [amtool, "config", "routes", "test", f"--config.file={SHIPPED}", *labels.split()]
    routed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert routed.stdout.split() == [receiver], routed.stderr


def test_a_real_server_starts_with_it(tmp_path: Path) -> None:
    """And says that it is the whole file."""
    text = SHIPPED.read_text(encoding="utf-8")
    with AlertmanagerProcess(tmp_path, text) as server:
        assert "kizuna_.+" in server.get("status")["config"]["original"]
