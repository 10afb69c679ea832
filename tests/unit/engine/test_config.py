"""One declaration, three spellings, in this order of strength: flag, variable, file."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from stream.config import CONFIG_FILE, Settings, load
from stream.errors import ConfigError


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No file and no variable of the developer's machine takes part."""
    import os

    for name in list(os.environ):
        if name.startswith("KIZUNA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(
    in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stronger source replaces the weaker one, field by field."""
    assert load().partitions == 4
    (in_empty_directory / CONFIG_FILE).write_text('partitions = 5\napp_id = "file"\n')
    assert load().partitions == 5
    monkeypatch.setenv("KIZUNA_PARTITIONS", "6")
    assert load().partitions == 6
    settings = load(partitions=7)
    assert (settings.partitions, settings.app_id) == (7, "file")


def test_a_flag_that_was_not_given_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """None leaves the variable in force."""
    monkeypatch.setenv("KIZUNA_BOOTSTRAP", "broker:1234")
    assert load(bootstrap=None).bootstrap == "broker:1234"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"partitions": 0}, "partitions"),
        ({"commit_interval_ms": "soon"}, "commit_interval_ms"),
        ({"bootstrap": "nowhere"}, "bootstrap"),
        ({"clock": "sundial"}, "clock"),
        ({"metrics_port": 65_536}, "metrics_port"),
        ({"misspelt": 1}, "misspelt"),
    ],
)
def test_a_wrong_value_is_named_with_its_next_step(flags: dict[str, object], named: str) -> None:
    """Exit code 2, the setting's name in the message and its three spellings in the hint."""
    with pytest.raises(ConfigError) as caught:
        load(**flags)
    assert named in str(caught.value)
    assert named in caught.value.hint
    assert caught.value.exit_code == 2


def test_an_undeclared_key_in_the_file_is_refused(in_empty_directory: Path) -> None:
    """A misspelt key must not pass for a default."""
    (in_empty_directory / CONFIG_FILE).write_text("partitons = 8\n")
    with pytest.raises(ConfigError, match="partitons"):
        load()


def test_a_file_that_is_named_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """`KIZUNA_CONFIG` is a promise, the default file is not."""
    monkeypatch.setenv("KIZUNA_CONFIG", "absent.toml")
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load()


def test_settings_are_frozen_and_described() -> None:
    """Nobody changes them under way; every one says what it is."""
    settings = load()
    with pytest.raises(ValidationError):
        settings.partitions = 8
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_prefix_is_for_topics_and_the_application_id_for_the_changelog() -> None:
    """Two installations on one cluster differ in both."""
    settings = load(topic_prefix="eu-", app_id="eu")
    assert settings.topic("scores") == "eu-scores"
    assert settings.topic("customers-changelog") == "eu-customers-changelog"


def test_webhooks_are_tables_of_the_file_and_a_list_in_the_variable(
    in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same fields in both; two of one name are refused, since the ledger is kept by name."""
    table = '[[webhooks]]\nname = "{}"\nurl = "https://example.com"\nsecret_file = "secret"\n'
    file = in_empty_directory / "kizuna.toml"
    file.write_text(table.format("crm") + table.format("desk"), encoding="utf-8")
    of_file = load().webhooks
    assert [each.name for each in of_file] == ["crm", "desk"]
    assert "example.com" not in repr(of_file)
    spelt = '[{"name": "crm", "url": "https://example.com", "secret_file": "secret"}]'
    monkeypatch.setenv("KIZUNA_WEBHOOKS", spelt)
    assert load().webhooks == of_file[:1]
    monkeypatch.delenv("KIZUNA_WEBHOOKS")
    file.write_text(table.format("crm") * 2, encoding="utf-8")
    with pytest.raises(ConfigError, match="same name"):
        load()


def test_a_command_key_is_read_without_the_white_space_around_it(in_empty_directory: Path) -> None:
    """As an editor or `openssl rand -hex 32` leaves it; no setting, no key."""
    path = in_empty_directory / "key"
    path.write_bytes(b"\n0123456789abcdef \r\n")
    assert load(command_key_file=path).command_key() == b"0123456789abcdef"
    assert load().command_key() is None


@pytest.mark.parametrize("content", [None, b"", b"   short  \n", b" " * 40])
def test_a_command_key_that_is_missing_or_short_is_refused(
    in_empty_directory: Path, content: bytes | None
) -> None:
    """Exit code 2 with a next step, never a worker that takes whatever comes."""
    path = in_empty_directory / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(command_key_file=path).command_key()
    assert caught.value.exit_code == 2
    assert caught.value.hint
