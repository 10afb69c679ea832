"""Who is told of what: which alerts are shown at all, and which transitions are worth a message.

Pure. Never told of: rules in `shadow` mode, and what is held back (`suppressed`) or was so to its end. But
whoever was told that an alert opened is told that it is over, also when its rule is in `shadow` by then.
"""

from dataclasses import dataclass
from typing import Final, cast, get_args

from schemas.alert import AlertV1, Severity
from stream.notify.sink import Kind

__all__ = ["OVER", "Mark", "is_shown", "kind_of"]

OVER: Final = frozenset({"resolved", "expired"})
ALIVE: Final = frozenset({"open", "acknowledged", "snoozed", "recovering"})
TOLD: Final = frozenset(get_args(Kind))
RANK: Final = {name: rank for rank, name in enumerate(reversed(get_args(Severity)))}


@dataclass(frozen=True, slots=True)
class Mark:
    """What was last told of one dedup key: up to which `seq`, in which episode, at which severity.

    `taken` is False where it became a dead letter instead.
    """

    seq: int
    episode: int
    severity: str
    taken: bool = True


def is_shown(alert: AlertV1) -> bool:
    """Whether people are to see this alert as one that is there."""
    return alert.mode == "live" and alert.state in ALIVE and alert.opened_at is not None


def kind_of(alert: AlertV1, told: Mark | None) -> Kind | None:
    """What to tell of a transition, None for nothing.

    Compaction may have taken the transitions between `told` and this one, so what is missing is told by
    this one: an episode of which nobody was told is `opened`, a severity that nobody was told of `escalated`.

    Args:
        alert: after the transition.
        told: of the same dedup key, None if nobody was told anything.
    """
    if told is not None and alert.seq <= told.seq:
        return None
    known = told is not None and told.episode == alert.episode
    if alert.state in OVER:
        return cast("Kind", alert.state) if known else None
    if not is_shown(alert):
        return None
    if not known:
        return "released" if alert.transition == "released" else "opened"
    assert told is not None
    if alert.transition in TOLD:
        return cast("Kind", alert.transition)
    return "escalated" if RANK[alert.severity] > RANK[told.severity] else None
