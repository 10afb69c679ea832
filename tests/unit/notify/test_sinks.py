"""From settings to sinks of transitions."""

import base64
from pathlib import Path

import pytest

from stream.config import load
from stream.errors import ConfigError
from stream.notify.assemble import make_sinks
from stream.notify.sink import Delivered
from tests.unit.notify.receiver import notification, receiver

# Apprise asks for a module that Python 3.13 no longer has, and has its own where it is gone.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

OLD, NEW = (f"whsec_{base64.b64encode(bytes([n] * 32)).decode()}" for n in (1, 2))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two secrets and no settings but the test's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KIZUNA_CONFIG", raising=False)
    (tmp_path / "secrets").write_text(f"{NEW}\n{OLD}\n", encoding="utf-8")
    return tmp_path


def configured(here: Path, text: str) -> None:
    (here / "kizuna.toml").write_text(text, encoding="utf-8")


def test_nobody_is_told_unless_asked_for() -> None:
    """No setting, no sink."""
    assert make_sinks(load()) == []


async def test_webhooks_of_the_file_deliver_under_their_names(here: Path) -> None:
    """Two receivers, each signed with every secret of its file."""
    async with receiver() as crm, receiver() as audit:
        configured(
            here,
            f'[[webhooks]]\nname = "crm"\nurl = "{crm.url}"\nsecret_file = "secrets"\n'
            f'[[webhooks]]\nname = "audit"\nurl = "{audit.url}"\nsecret_file = "secrets"\nper_s = 1\n',
        )
        sinks = make_sinks(load())
        assert [sink.name for sink in sinks] == ["crm", "audit"]
        for sink in sinks:
            assert await sink.deliver([notification()]) == [Delivered()]
            await sink.close()
        (received,) = crm.received
        assert received.headers["webhook-signature"].count("v1,") == 2
        assert len(audit.received) == 1


def test_every_apprise_service_of_the_file_is_a_sink(here: Path) -> None:
    """Beside the webhooks, each with a name of its own that the ledger can use."""
    pytest.importorskip("apprise", reason="Apprise is an optional extra: pip install 'kizuna[apprise]'")
    (here / "services").write_text("json://localhost/a\ncritical=json://localhost/b\n", encoding="utf-8")
    names = [sink.name for sink in make_sinks(load(apprise_file=here / "services"))]
    assert len(set(names)) == 2
    assert not [name for name in names if "|" in name]


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        ("localhost/T0/hidden", OLD, r"setting webhooks\.crm\.url is not an http"),
        ("https://localhost/T0/hidden", "hidden", "is not whsec_"),
        ("https://localhost/T0/hidden", "", "no secret"),
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused_at_start(
    here: Path, url: str, secret: str, said: str
) -> None:
    """With a reason, a next step, and without what was given."""
    (here / "secrets").write_text(secret, encoding="utf-8")
    configured(here, f'[[webhooks]]\nname = "crm"\nurl = "{url}"\nsecret_file = "secrets"\n')
    with pytest.raises(ConfigError, match=said) as caught:
        make_sinks(load())
    assert caught.value.hint
    assert "hidden" not in str(caught.value)


def test_settings_do_not_show_where_a_webhook_leads(here: Path) -> None:
    """Its URL may be its secret: whoever prints the settings does not see it."""
    configured(here, '[[webhooks]]\nname = "crm"\nurl = "https://h/T0/hidden"\nsecret_file = "secrets"\n')
    assert "hidden" not in repr(load()) + str(load())
