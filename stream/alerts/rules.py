"""Alert rules: one TOML file, every fault named with its line and reason."""

from pathlib import Path

from stream.alerts.faults import Fault, examine
from stream.alerts.rule import BELOW, KINDS, MAX_RULES, SCALE, Kind, Rule, Rules, Severity, Storm
from stream.errors import ConfigError

__all__ = [
    "BELOW",
    "KINDS",
    "MAX_RULES",
    "SCALE",
    "SHIPPED",
    "Fault",
    "Kind",
    "Rule",
    "Rules",
    "Severity",
    "Storm",
    "examine",
    "load",
    "parse",
    "read",
]

SHIPPED = Path(__file__).with_name("default.toml")


def parse(text: str, source: str = "rules") -> Rules:
    """Rules from TOML text.

    Raises:
        ConfigError: the first fault, as `source:line: reason`.
    """
    rules, faults = examine(text)
    if rules is None:
        first, further = faults[0], len(faults) - 1
        more = f"; `kizuna rules check {source}` names {further} more" if further else ""
        raise ConfigError(
            f"{source}:{first.line}: {first.reason}",
            hint=f"compare with the shipped stream/alerts/default.toml{more}",
        )
    return rules


def load(path: Path | None = None) -> Rules:
    """Rules of a file; the shipped ones by default.

    Raises:
        ConfigError: it cannot be read, or has a fault.
    """
    return parse(read(path), str(path or SHIPPED))


def read(path: Path | None = None) -> str:
    """Text of a file of rules; the shipped one by default.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    source = path or SHIPPED
    try:
        return source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} is not UTF-8 text", hint="check the path given as --rules") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {source}: {error.strerror}", hint="check the path given as --rules"
        ) from error
