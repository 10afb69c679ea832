"""An alert as sentences: what happened, why, what to do, by whom and by when."""

from datetime import datetime

from schemas.alert import AlertV1
from schemas.score import Reason
from stream.alerts.rule import BELOW
from stream.model.evidence import DERIVED_CAUSES, DIMENSION_OF
from stream.model.risk import BASE_TERMS
from stream.pipeline.times import to_ms
from stream.texts.languages import ENGLISH, Language
from stream.texts.sentences import reason_words

__all__ = ["alert_lines", "alert_title", "play_words", "state_words", "why"]

ABOUT = {
    "trust_below": "trust",
    "trust_drop": "trust",
    "component_below": "trust",
    "promise_overdue": "trust",
    "churn_risk_above": "churn_risk",
    "value_at_risk_above": "churn_risk",
}
"""Kind of rule -> the score whose reasons tell why; of the others both."""
LEADS = {"promise_overdue": frozenset(DERIVED_CAUSES), "payment_failed": frozenset({"payment_failures"})}
"""Kind of rule -> codes of the reasons that are what it rang for, and come first whatever their size."""
OVER = ("resolved", "expired")
PAST = ("recovering", *OVER)
"""States in which what the rule saw holds no longer: then only its name is said."""


def alert_title(alert: AlertV1, language: Language = ENGLISH, who: str | None = None) -> str:
    """One line: what the rule sees, and of whom; its name alone where that is over.

    A value that has left `open` and is not beyond `clear` yet is said with both.

    Args:
        alert: after any transition.
        language: of the words.
        who: how to call the customer where the id is not to be said; the id if None.
    """
    return language.say("alert_title", what=_what(alert, language), who=who or alert.customer_id)


def alert_lines(alert: AlertV1, language: Language = ENGLISH) -> list[str]:
    """What happened, what people said, why, where it leads, what to do; without the customer's id."""
    return [
        *_happened(alert, language),
        *(language.say("why", reason=reason) for reason in why(alert, language)),
        *_outlook(alert, language),
        *_to_do(alert, language),
    ]


def why(alert: AlertV1, language: Language = ENGLISH) -> list[str]:
    """The reasons that speak against the customer under the rule, as clauses, the weightiest first."""
    return [_reason(each, language) for each in _against(alert)]


def play_words(code: str, language: Language = ENGLISH) -> str:
    """A recommended action in words; a code without words as it is."""
    return language.phrases.get(f"play_{code}", code)


def state_words(state: str, language: Language = ENGLISH) -> str:
    """The state of an alert in words."""
    return language.phrases[f"state_{state}"]


def _what(alert: AlertV1, language: Language) -> str:
    name = "alert_data" if alert.subject == "data" else f"alert_{alert.kind}"
    holds = alert.value is not None and alert.state not in PAST
    if alert.subject != "data" and not (holds and name in language.phrases):
        name = "alert_other"
    elif alert.subject != "data" and _eased(alert):
        name = f"eased_{alert.kind}"
    lines = {"open": alert.threshold_open, "clear": alert.threshold_clear}
    return language.say(name, value=alert.value, rule=alert.rule_id, **lines)


def _eased(alert: AlertV1) -> bool:
    """Whether the value would no longer open the alert: it stays open until it is beyond `clear`."""
    assert alert.value is not None
    beyond = alert.value > alert.threshold_open
    return beyond if alert.kind in BELOW else alert.value < alert.threshold_open


def _happened(alert: AlertV1, language: Language) -> list[str]:
    transition = alert.transition
    moved = state_words(alert.state, language)
    lines = [
        language.say(
            "happened",
            transition=moved if transition is None else language.phrases[f"transition_{transition}"],
            severity=language.phrases[f"severity_{alert.severity}"],
            time=_time(alert.opened_at or alert.state_since, language),
            what=_what(alert, language),
        )
    ]
    if alert.suppressed_by is not None:
        lines.append(language.phrases[f"held_{alert.suppressed_by}"])
    if alert.resolve_reason is not None:
        over = language.phrases.get(f"over_{alert.resolve_reason}")
        lines.append(over or language.say("over_other", reason=alert.resolve_reason))
    if alert.ack is not None:
        lines.append(language.say("acknowledged_by", author=alert.ack.by))
    if alert.snooze is not None and alert.state not in OVER:
        until = _time(alert.snooze.until, language)
        lines.append(language.say("snoozed_by", time=until, author=alert.snooze.by))
    if alert.note is not None:
        lines.append(language.say("noted_by", author=alert.note.by, text=alert.note.text))
    return lines


def _against(alert: AlertV1) -> list[Reason]:
    """Reasons that speak against the customer's score under the rule, its own first, then by size."""
    score = ABOUT.get(alert.kind or "")
    found = [
        each
        for each in alert.reasons
        if (score is None or each.score == score)
        and (each.contribution > 0.0 if each.score == "churn_risk" else each.contribution < 0.0)
        and each.code not in BASE_TERMS
    ]
    leads = LEADS.get(alert.kind or "", frozenset())
    return sorted(
        found, key=lambda each: (each.code not in leads, each.score != "trust", -abs(each.contribution))
    )


def _reason(reason: Reason, language: Language) -> str:
    dimension = DIMENSION_OF.get(reason.code, "") if reason.score == "trust" else ""
    return reason_words(
        reason.score,
        reason.code,
        reason.contribution,
        reason.observed,
        reason.usual,
        language,
        dimension,
    )


def _outlook(alert: AlertV1, language: Language) -> list[str]:
    parts = []
    if alert.trend is not None:
        parts.append(language.say("risk_line_trend", trend=alert.trend))
    if alert.value_at_risk is not None and alert.currency is not None:
        parts.append(language.say("risk_line_value", value=alert.value_at_risk, currency=alert.currency))
    return [language.between.join(parts)] if parts else []


def _to_do(alert: AlertV1, language: Language) -> list[str]:
    """The play with its owner and time, and the smallest that would be enough; nothing once it is over."""
    if alert.state in OVER:
        return []
    action = alert.action
    if action is None:
        owner, due_at, code = alert.owner, alert.due_at, alert.recommended_action
    else:
        owner, due_at, code = action.owner, action.due_at, action.code
    words = play_words(code, language)
    lines = [words]
    if owner is not None and due_at is not None:
        lines = [language.say("do", play=words, owner=owner, time=_time(due_at, language))]
    if action is not None and action.what_if is not None:
        found = action.what_if
        about = [*found.about, *[None] * len(found.actions)]
        said = [_step(code, name, language) for code, name in zip(found.actions, about, strict=False)]
        actions = language.phrases["and"].join(said)
        lines.append(language.say("enough_at_once", actions=actions, effort=found.effort_minutes))
    return lines


def _step(code: str, about: str | None, language: Language) -> str:
    if code not in language.actions:
        return code
    return language.fill(language.actions[code], about=about or language.phrases["unnamed"])


def _time(time: datetime, language: Language) -> str:
    return language.time(to_ms(time))
