"""What one partition let through and what crossed lately: counts, kept beside its position."""

import msgspec

__all__ = ["Storm"]


class Storm(msgspec.Struct):
    """Changed in place by `alerts.storm`; a partition that never held anything back has an empty one.

    Attributes:
        minute: epoch minute that `opened` counts.
        opened: alerts opened in that minute, by segment ("" for none).
        crossed: customers who crossed, by rule: (epoch minute, how many), the latest last.
        since_ms: when the alert about the data opened; 0 = none is open.
        rule: whose crossings opened it.
        share: percent of customers that had crossed when it opened.
        episode: of the alert about the data.
        seq: of the alert about the data.
        commands: hashes of the last commands about it that were applied, the newest last.
    """

    minute: int = 0
    opened: dict[str, int] = msgspec.field(default_factory=dict)
    crossed: dict[str, list[tuple[int, int]]] = msgspec.field(default_factory=dict)
    since_ms: int = 0
    rule: str = ""
    share: float = 0.0
    episode: int = 0
    seq: int = 0
    commands: list[int] = msgspec.field(default_factory=list)
