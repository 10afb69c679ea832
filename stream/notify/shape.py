"""An alert as Alertmanager has it: labels that are its identity, annotations that say the rest.

Labels are `alertname`, `severity`, `rule`, `tier`, `team`, `customer_ref` and no other. The customer's id is
in neither, unless it is asked for: then in one annotation.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.alert import AlertV1
from stream.alerts.rules import Rules
from stream.notify.book import Entry
from stream.notify.reference import customer_ref
from stream.texts.alerts import alert_lines, alert_title
from stream.texts.languages import Language

__all__ = ["ALERTNAME", "Shape", "post"]

ALERTNAME = "kizuna_"
"""Before the rule's id: what is ours can be told apart in an Alertmanager that others use too."""


class Shape:
    """Makes labels and annotations.

    Args:
        rules: whose owners are the teams: an alert's own owner changes when people assign it, and a label
            that changes is another alert.
        key: of the customers' references.
        language: of the texts.
        installation: see `reference.installation`.
        with_id: whether the customer's id is among the annotations.
    """

    def __init__(
        self, rules: Rules, key: bytes, language: Language, *, installation: str, with_id: bool
    ) -> None:
        self.installation = installation
        self._team = _teams(rules)
        self._mass_drop_team = rules.storm.mass_drop_owner
        self._key, self._language, self._with_id = key, language, with_id

    def reference(self, alert: AlertV1) -> str:
        """What is shown instead of the customer's id."""
        return customer_ref(self._key, alert.customer_id)

    def labels(self, alert: AlertV1) -> dict[str, str]:
        """Its identity: a function of rule, severity, tier and customer."""
        labels = {
            "alertname": ALERTNAME + alert.rule_id,
            "severity": alert.severity,
            "rule": alert.rule_id,
            "team": self._team(alert) if alert.subject == "customer" else self._mass_drop_team,
            "customer_ref": self.reference(alert),
        }
        return labels | {"tier": alert.tier} if alert.tier else labels

    def annotations(self, alert: AlertV1) -> dict[str, str]:
        """What is said of it now; what is not known is left out."""
        reference = self.reference(alert) if alert.subject == "customer" else alert.customer_id
        said: dict[str, Any] = {
            "summary": alert_title(alert, self._language, reference),
            "description": "\n".join(alert_lines(alert, self._language)),
            "alert_id": alert.alert_id,
            "state": alert.state,
            "action": alert.action.code if alert.action else alert.recommended_action,
            "owner": alert.owner,
            "due_at": alert.due_at.isoformat() if alert.due_at else None,
            "trust": alert.trust,
            "churn_risk": alert.churn_risk,
            "reasons": ", ".join(f"{each.code} {each.contribution:+g}" for each in alert.reasons),
            "acknowledged_by": alert.ack.by if alert.ack else None,
            "customer_id": alert.customer_id if self._with_id and alert.subject == "customer" else None,
        }
        return {name: str(value) for name, value in said.items() if value not in (None, "")}


def _teams(rules: Rules) -> Callable[[AlertV1], str]:
    by_id = {rule.id: rule for rule in rules.rule}

    def team(alert: AlertV1) -> str:
        rule = by_id.get(alert.rule_id)
        if rule is None:  # no longer in the file
            return "none"
        risen = alert.severity != rule.severity and rule.escalate_owner is not None
        return str(rule.escalate_owner) if risen else rule.owner

    return team


def post(entries: Sequence[Entry], now_ms: int, resolve_ms: int) -> list[Mapping[str, Any]]:
    """The body of `POST /api/v2/alerts`: always both times, since a missing start becomes the end.

    Args:
        entries: of the book.
        now_ms: the wall's.
        resolve_ms: what is not shown again for so long is over by itself.
    """
    ahead = _time(now_ms + resolve_ms)
    return [
        {
            "labels": each.labels,
            "annotations": each.annotations,
            "startsAt": _time(min(each.starts_ms, now_ms if each.ends_ms is None else each.ends_ms)),
            "endsAt": ahead if each.ends_ms is None else _time(each.ends_ms),
        }
        for each in entries
    ]


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
