"""The shipped rules with nothing held back: what an alert does then depends on its customer alone.

The oracles know one customer at a time: whatever they judge runs under these. What is held back is judged by
`tests/unit/alerts/test_storm.py` and `tests/unit/pipeline/test_alerting.py`.
"""

from pathlib import Path

from msgspec.structs import replace

from stream.alerts import rules

__all__ = ["NO_STORM", "RULES", "written"]

NO_STORM = rules.Storm(budget_per_minute=0, mass_drop_percent=0.0, behind_minutes=0.0, stale_hours=0.0)
RULES = replace(rules.load(), storm=NO_STORM)
TEXT = """
[storm]
budget_per_minute = 0
mass_drop_percent = 0.0
behind_minutes = 0.0
stale_hours = 0.0
"""


def written(directory: Path) -> Path:
    """A file of them, for a worker."""
    path = directory / "calm.toml"
    path.write_text(rules.SHIPPED.read_text(encoding="utf-8") + TEXT, encoding="utf-8")
    return path
