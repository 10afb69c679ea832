"""Rules that were taken back since a partition's alerts were looked at last: removed, or put on trial.

A slot knows its rule by a hash, so what an alert says of a rule that is gone is kept beside the partition's
position, by the rule's id: the fields that are not as they are by default, as JSON.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec
import numpy as np

from stream.alerts.rules import Rule, Rules
from stream.state.alerts import LIVE, AlertSlots, State

__all__ = ["Known", "begin", "removed"]

Known = dict[str, msgspec.Raw]


def begin(alerts: AlertSlots, known: Mapping[str, msgspec.Raw], rules: Rules) -> Known:
    """Have the alerts looked at soon that a change of the rules ends; returns what is known from now on.

    Args:
        alerts: of the partition; those that are over now become due at once.
        known: rules that they were looked at under before, by id.
        rules: in force.

    Returns:
        the rules in force, and those removed ones of which an alert is open or held back.
    """
    slots = alerts.slots
    live = np.isin(slots["state"], LIVE)
    tried = [rule.key for rule in rules.rule if rule.mode == "shadow"]
    over = live & (slots["notifications"] > 0) & np.isin(slots["rule"], tried)
    found = {rule.id: _kept(rule) for rule in rules.rule}
    for key, rule in removed(known, rules).items():
        left = (slots["rule"] == key) & (live | (slots["state"] == State.SUPPRESSED))
        if left.any():
            found[rule.id] = known[rule.id]
            over |= left
    places = np.flatnonzero(over)
    alerts.set_due(places, np.ones(len(places), np.int64))
    return found


def removed(known: Mapping[str, msgspec.Raw], rules: Rules) -> dict[int, Rule]:
    """Known rules that are no longer in force, by their keys; not those that cannot be read any more."""
    ids = {rule.id for rule in rules.rule}
    found = (_read(name, bytes(fields)) for name, fields in known.items() if name not in ids)
    return {rule.key: rule for rule in found if rule is not None}


@lru_cache(maxsize=256)
def _kept(rule: Rule) -> msgspec.Raw:
    fields = {
        each.name: value
        for each in msgspec.structs.fields(rule)
        if each.name != "id" and (value := getattr(rule, each.name)) != each.default
    }
    return msgspec.Raw(msgspec.json.encode(fields))


@lru_cache(maxsize=256)
def _read(name: str, fields: bytes) -> Rule | None:
    try:
        return msgspec.convert({"id": name} | msgspec.json.decode(fields), Rule)
    except (msgspec.DecodeError, TypeError):  # written by another version
        return None
