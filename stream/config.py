"""Every setting, declared once: a key of `kizuna.toml`, a `KIZUNA_*` variable, a flag.

Order of strength: flag, variable, file, default. The only reader of the environment. A key in the file that
is not declared here is refused, so that a misspelt one does not pass for a default.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stream.errors import ConfigError

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "Settings",
    "WebhookSettings",
    "load",
    "read_key",
    "without_settings",
]

CONFIG_FILE = "kizuna.toml"
CONFIG_VARIABLE = "KIZUNA_CONFIG"
"""Names another file than `./kizuna.toml`."""
LEAST_KEY_BYTES = 16
"""Of a secret: shorter ones can be guessed."""


class WebhookSettings(BaseModel):
    """One `[[webhooks]]` of the file, or one object of the list in `KIZUNA_WEBHOOKS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$", description="Stable: the ledger is kept under it.")
    url: str = Field(min_length=1, description="Where notifications are posted.", repr=False)
    secret_file: Path = Field(description="Secrets for the signature (`whsec_...`), one a line.")
    per_s: float = Field(10.0, gt=0, description="Notifications per second in the long run.")
    burst: int = Field(50, ge=1, description="Notifications at once.")


class Settings(BaseSettings):
    """Frozen settings of one process. `*_ms` and `*_s` are durations, `*_bytes` are bytes."""

    model_config = SettingsConfigDict(env_prefix="KIZUNA_", frozen=True, extra="forbid")

    # Kafka and its topics
    bootstrap: str = Field("127.0.0.1:9092", description="Kafka's address: host:port[,host:port...].")
    app_id: str = Field(
        "kizuna",
        pattern=r"^[a-zA-Z0-9_-]{1,80}$",
        description="Consumer group, transactional ids and changelog are named after it.",
    )
    topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9_-]{0,80}$", description="Put before every topic's name."
    )
    sources: tuple[str, ...] = Field(
        ("interactions",), min_length=1, description="Topics that are scored, equally partitioned."
    )
    partitions: int = Field(
        4, ge=1, le=4096, description="Of every customer topic; `kizuna topics create` makes so many."
    )
    replication: int = Field(1, ge=1, le=9, description="Copies of every topic that is created.")
    instance_id: str | None = Field(
        None, description="Stable name of this worker: restarts without a rebalance."
    )

    # Exactly-once batches
    commit_interval_ms: int = Field(
        80, ge=1, le=10_000, description="Longest wait of a record for its transaction."
    )
    max_uncommitted: int = Field(
        80_000, ge=1, le=1_000_000, description="Records of one partition in one transaction, at most."
    )
    batch_bytes: int = Field(
        524_288, ge=16_384, le=900_000, description="Produce batch, below max.message.bytes."
    )
    transaction_timeout_s: float = Field(
        60.0, ge=5, le=900, description="Kafka ends a dead worker's after it."
    )
    request_timeout_s: float = Field(
        40.0, ge=1, le=300, description="One request to Kafka, retries included."
    )
    connect_timeout_s: float = Field(10.0, ge=1, le=120, description="Until Kafka counts as unreachable.")

    # Membership
    session_timeout_s: float = Field(6.0, ge=2, le=300, description="A silent worker is replaced after it.")
    rebalance_timeout_s: float = Field(20.0, ge=5, le=600, description="All members rejoin within it.")
    revoke_limit_s: float = Field(
        8.0, ge=1, le=300, description="Transaction in flight when revoked; shorter."
    )

    # Restore, sweeps, watchdog
    restore_stall_s: float = Field(
        30.0, ge=1, le=3600, description="A restore without a row for so long fails."
    )
    sweep_interval_s: float = Field(
        60.0, ge=0.1, le=86_400, description="All customers are re-scored so often."
    )
    sweep_slice_rows: int = Field(
        5_000, ge=1, description="Customers re-scored between two steps, at most; fewer if that takes 20 ms."
    )
    stall_limit_s: float = Field(
        90.0, ge=1, le=3600, description="A partition with lag and no progress: reset."
    )
    stop_limit_s: float = Field(30.0, ge=1, le=600, description="A stop that takes longer is forced.")
    clock: Literal["wall", "event"] = Field("wall", description="Whose now scores are of.")

    # The model
    parameters: Path | None = Field(None, description="Model parameters (TOML); the shipped ones if unset.")
    rules: Path | None = Field(None, description="Alert rules (TOML); the shipped ones if unset.")
    plays: Path | None = Field(
        None, description="Recommended actions by cause (TOML); the shipped ones if unset."
    )
    actions: Path | None = Field(None, description="Efforts of actions (TOML); the shipped ones if unset.")

    # People's commands
    command_key_file: Path | None = Field(
        None, description="Holds the secret that commands are signed with; unset: unsigned ones are taken."
    )

    # Who is told of alerts
    alertmanager_urls: tuple[str, ...] = Field((), description="Every one of them is shown all alerts.")
    alertmanager_resolve_s: float = Field(
        300.0, ge=1, le=86_400, description="An alert that is not shown again for so long is over."
    )
    alertmanager_repost_s: float | None = Field(
        None, ge=0.2, le=28_800, description="All alerts are shown again so often; a third of it if unset."
    )
    webhooks: tuple[WebhookSettings, ...] = Field((), description="Receivers of signed webhooks.")
    apprise_file: Path | None = Field(
        None, description="File with Apprise URLs, one a line: mail, chat and other services."
    )
    notify_tries: int = Field(
        20, ge=1, le=1000, description="Failed tries after which a notification is given up."
    )
    notify_language: Literal["en", "ja"] = Field("en", description="Of the texts in notifications.")
    notify_customer_id: bool = Field(
        False, description="Put the customer's id into an annotation for Alertmanager."
    )
    customer_ref_key: Path | None = Field(
        None, description="File with the key of customers' references; made in data_dir if unset."
    )
    notify_port: int = Field(9109, ge=0, le=65_535, description="Like metrics_port, of `kizuna notify`.")

    # This process
    data_dir: Path = Field(Path(".kizuna"), description="Files of the local Kafka and of readers.")
    kafka_heap: str = Field("1g", description="Java's heap of the local Kafka.")
    maven_repository: str | None = Field(
        None, description="Mirror to download the local Kafka from; Maven Central if unset."
    )
    metrics_host: str = Field("127.0.0.1", description="Where /metrics, /livez and /readyz listen.")
    metrics_port: int = Field(9108, ge=0, le=65_535, description="0: any free port, named in the log.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["console", "json"] = Field("console", description="Shape of a log line.")

    @field_validator("webhooks")
    @classmethod
    def _different(cls, value: tuple[WebhookSettings, ...]) -> tuple[WebhookSettings, ...]:
        if len({each.name for each in value}) < len(value):
            raise ValueError("two webhooks have the same name")
        return value

    @field_validator("bootstrap")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
                raise ValueError(f"{address.strip()!r} is not host:port")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before variables before the file; no .env, no secrets directory."""
        file = Path(os.environ.get(CONFIG_VARIABLE, CONFIG_FILE))
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file))

    def topic(self, name: str) -> str:
        """A declared topic's name on the cluster; the changelog's is Faust's own."""
        if name == "customers-changelog":
            return f"{self.app_id}-{name}"
        return self.topic_prefix + name

    def command_key(self) -> bytes | None:
        """The secret that commands are signed with; None if none is used.

        Raises:
            ConfigError: see `read_key`.
        """
        path = self.command_key_file
        return None if path is None else read_key(path, "command_key_file")


def read_key(path: Path, setting: str) -> bytes:
    """The secret in a file, without white space around it.

    Args:
        path: of the file.
        setting: that names it, or would.

    Raises:
        ConfigError: the file is missing, unreadable, or holds less than `LEAST_KEY_BYTES`.
    """
    hint = f"correct {setting}, or make a key: openssl rand -hex 32 > {path}"
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the key {path}: {error.strerror}", hint=hint) from error
    if len(key) < LEAST_KEY_BYTES:
        fault = f"the key in {path} has {len(key)} bytes, at least {LEAST_KEY_BYTES} are needed"
        raise ConfigError(fault, hint=hint)
    return key


def load(**flags: object) -> Settings:
    """Settings from flags (None = not given), variables and file.

    Raises:
        ConfigError: a value outside its domain, an undeclared key, or a file that is named but unreadable.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named is not None and not Path(named).is_file():
        raise ConfigError(f"no settings file at {named}", hint=f"unset {CONFIG_VARIABLE} or create the file")
    try:
        return Settings.model_validate({name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ConfigError(
            f"setting {name}: {first['msg']}",
            hint=f"correct {name} in {CONFIG_FILE}, KIZUNA_{name.upper()} or its flag",
        ) from error
    except ValueError as error:  # the file is not TOML, or a variable is not JSON where a list is asked
        raise ConfigError(f"settings: {error}", hint=f"correct {named or CONFIG_FILE}") from error


def without_settings() -> dict[str, str]:
    """This process's variables but those that are settings: for a child that is to have its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}
