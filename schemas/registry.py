"""Topics and contracts, by name: the one place that ties a topic to its file, its settings and its struct.

`topics/<name>.toml` is the declaration; this module only reads it, once, at import. Names here are without
the prefix of an installation.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from schemas.alert import AlertV1
from schemas.command import CommandV1
from schemas.interaction import Interaction
from schemas.score import ScoreV1

ROOT: Final = Path(__file__).parent


class TopicSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic, as declared.

    `kind` says how it forgets: `retention` by age, `compact` by key. `key` describes the record key. `struct`
    names the contract of its values (see `CONTRACTS`); None means that outside readers are promised nothing.
    `customer_partitioned` topics have as many partitions as the interactions, and whatever concerns one
    customer lies in the same partition of each; the worker names it explicitly. `config` holds Kafka's topic
    settings, as strings the way Kafka's admin API takes them, `cleanup.policy` included.
    """

    name: str
    description: str
    key: str
    kind: Literal["retention", "compact"]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    customer_partitioned: bool
    config: dict[str, str]
    struct: str | None = None


class Contract(msgspec.Struct, frozen=True):
    """A message that crosses the wire: `name` and `version` give its schema file and its examples."""

    name: str
    version: int
    type: Any

    @property
    def schema_file(self) -> Path:
        """The generated JSON Schema."""
        return ROOT / "json" / f"{self.name}.v{self.version}.schema.json"

    @property
    def examples(self) -> Path:
        """Folder with `valid` and `invalid` examples."""
        return ROOT / "examples" / self.name / f"v{self.version}"


CONTRACTS: Final[dict[str, Contract]] = {
    "Interaction": Contract("interaction", 1, Interaction),
    "ScoreV1": Contract("score", 1, ScoreV1),
    "AlertV1": Contract("alert", 1, AlertV1),
    "CommandV1": Contract("command", 1, CommandV1),
}
"""Every contract by the name that topics use for it."""

_POLICY: Final = {"retention": "delete", "compact": "compact"}


def parse(text: str) -> TopicSpec:
    """A topic from the text of its TOML file.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of a wrong type.
        tomllib.TOMLDecodeError: not TOML.
        KeyError: `struct` names no contract.
    """
    table = tomllib.loads(text)
    settings = {name: str(value) for name, value in table.get("config", {}).items()}
    policy = _POLICY.get(table.get("kind", ""), "")
    table["config"] = {"cleanup.policy": policy, **settings}
    spec = msgspec.convert(table, TopicSpec)
    if spec.struct is not None and spec.struct not in CONTRACTS:
        raise KeyError(f"topic {spec.name}: no contract is called {spec.struct}")
    return spec


def _load() -> dict[str, TopicSpec]:
    files = sorted((ROOT / "topics").glob("*.toml"))
    return {spec.name: spec for spec in (parse(file.read_text(encoding="utf-8")) for file in files)}


TOPICS: Final[dict[str, TopicSpec]] = _load()
"""Every topic by its name, in alphabetical order."""
