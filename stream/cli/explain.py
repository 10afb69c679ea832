"""`kizuna explain`: why a customer's scores are what they are, and why they changed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
import typer

from stream.alerts.life import open_alerts
from stream.alerts.rules import Rule
from stream.cli import output
from stream.cli.further import contacts_json, further, place, print_further
from stream.cli.known import AppId, At, Customer, Events, Known, Params, known
from stream.cli.options import Bootstrap, Json
from stream.cli.times import parse_time, shown
from stream.clock import now_ms
from stream.errors import ConfigError, DataError
from stream.model.change import Change, Changes
from stream.model.explain import Explanation, Reason
from stream.model.interval import exact_interval
from stream.model.override import BANDS, Standing, computed_bands
from stream.offline.since import between_publications, since_publication, since_time
from stream.pipeline.derive import derive
from stream.pipeline.times import to_ms
from stream.texts.languages import Lang, Language
from stream.texts.sentences import reason_words

__all__ = ["explain"]

VISIBLE = 0.00005  # less is printed as 0.0000
PUBLISHED, PREVIOUS = "published", "previous"
Line = TypeVar("Line", Reason, Change)


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one customer at a time; `open_alerts` with the time each opened, epoch ms.

    `changes` are those since `since_ms`, if they were asked for.
    """

    customer: str
    time_ms: int
    explanation: Explanation
    low: float
    high: float
    uncertainty: float
    events: int
    horizon_days: int
    open_alerts: list[tuple[Rule, int]]
    n_unreadable: int
    computed_band: str
    standing: Standing
    further: dict[str, Any]
    since_ms: int = 0
    changes: Changes | None = None


def explain(
    customer: Customer,
    at: At = None,
    since: Annotated[
        str | None,
        typer.Option(
            help=f"Also what changed since a time; or since the last publication ({PUBLISHED}), or what "
            f"that one itself changed ({PREVIOUS})."
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Only so many reasons of each score.", show_default="all")
    ] = None,
    lang: Annotated[Lang, typer.Option(help="Language of the reasons.")] = Lang.EN,
    percentile: Annotated[
        bool,
        typer.Option(
            "--percentile", help="Also the place within the own segment; replays everybody of --events."
        ),
    ] = False,
    events: Events = None,
    params: Params = None,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> None:
    """Print both scores of a customer with every reason; the reasons sum to the score exactly.

    With --since the changes of the reasons too; they sum to the change exactly. From Kafka the state is the
    worker's present one; a stopped local Kafka that holds data is started for it and stopped again.

    Example: kizuna explain cdnow-00001 --since 2026-11-01 --lang ja
    """
    if percentile and events is None:
        raise ConfigError(
            "--percentile compares with everybody of a file", hint="name the file: --events events.jsonl"
        )
    with known(
        customer, at=at, events=events, params=params, bootstrap=bootstrap, app_id=app_id
    ) as customer_known:
        found = _look(customer_known, since, percentile=percentile)
    if json:
        output.json_line(_as_json(found, lang.language))
    else:
        _print(found, lang.language, top)


def _look(of: Known, since: str | None, *, percentile: bool) -> Found:
    explanation = of.pipeline.explain(of.table, of.key, of.time_ms)
    assert explanation is not None  # its row was just loaded
    _keys, scores = of.pipeline.scores(of.table, of.time_ms)
    trust = scores.trust
    low, high = exact_interval(trust.alpha, trust.beta, of.pipeline.parameters.trust.credible_mass)
    since_ms, changed = (0, None) if since is None else _changes(of, since)
    return Found(
        customer=of.customer,
        time_ms=of.time_ms,
        explanation=explanation,
        low=float(low[0]),
        high=float(high[0]),
        uncertainty=float(trust.uncertainty[0]),
        events=int(of.table.rows["events"][of.row]),
        horizon_days=of.pipeline.parameters.churn.horizon_days,
        open_alerts=open_alerts(of.table.alerts, of.row, of.pipeline.rules),
        n_unreadable=of.n_unreadable,
        computed_band=BANDS[computed_bands(scores.trust_centi, of.pipeline.parameters.bands)[0]],
        standing=of.pipeline.standing(of.table, of.key, of.time_ms),
        further=further(derive(of.table, np.array([of.row]), of.time_ms, of.pipeline.parameters))
        | (place(of) if percentile else {})
        | (contacts_json(of) if of.read_everybody is not None else {}),
        since_ms=since_ms,
        changes=changed,
    )


def _changes(of: Known, since: str) -> tuple[int, Changes]:
    """Since when, and what changed."""
    if since in (PUBLISHED, PREVIOUS):
        published = of.read_published()
        needed = 1 if since == PUBLISHED else 2
        if len(published) < needed:
            raise DataError(
                f"{len(published)} published scores of {of.customer!r} are there, {needed} are needed",
                hint="Kafka keeps the last ones only, a file has none; give a time: --since 2026-11-01",
            )
        then = published[-needed]
        since_ms = to_ms(then.as_of)
        if since == PUBLISHED:
            return since_ms, since_publication(of.pipeline, of.table, of.key, of.time_ms, then)
        return since_ms, between_publications(of.pipeline, of.key, then, published[-1], of.records, now_ms())
    since_ms = parse_time(since)
    if since_ms > of.time_ms:
        raise ConfigError(
            f"--since {since} is later than the scores, which are of {shown(of.time_ms)}",
            hint="give an earlier time",
        )
    return since_ms, since_time(of.pipeline, of.table, of.key, of.time_ms, since_ms, of.records, now_ms())


def _print(found: Found, language: Language, top: int | None) -> None:
    why = found.explanation
    time = language.time(found.time_ms)
    output.say(language.say("head", customer=found.customer, time=time, events=found.events))
    output.say()
    said = language.say(
        "trust_line", trust=why.trust, low=found.low, high=found.high, uncertainty=found.uncertainty
    )
    output.say(f"{language.phrases['trust']}  {said}")
    output.say(f"  {why.trust_base:+10.4f}  {language.phrases['start']}")
    _lines(why.trust_reasons, top, language, lambda reason: _words("trust", reason, language))
    total = math.fsum([why.trust_base, *(reason.contribution for reason in why.trust_reasons)])
    output.say(f"  {total:10.4f}  {_sum(language, total, why.trust)}")
    for line in _band_lines(found, language):
        output.say(line)
    output.say()
    _print_risk(found, language, top)
    output.say()
    print_further(found.further, language)
    output.say()
    if found.changes is not None:
        _print_changes(found, found.changes, language, top)
    for rule, opened_ms in found.open_alerts:
        output.say(
            language.say(
                "open_alert",
                rule=rule.id,
                severity=rule.severity,
                time=language.time(opened_ms),
                action=rule.action,
            )
        )
    if not found.open_alerts:
        output.say(language.phrases["no_alerts"])
    if found.n_unreadable:
        output.note(language.say("unreadable", n=found.n_unreadable))


def _band_lines(found: Found, language: Language) -> list[str]:
    """The band to show, and beside it the computed one and whatever else holds."""
    holds = found.standing
    computed = language.phrases[f"band_{found.computed_band}"]
    lines = []
    if holds.override is not None:
        one = holds.override
        lines.append(
            language.say(
                "band_decided",
                band=language.phrases[f"band_{BANDS[one.band]}"],
                computed=computed,
                author=one.author,
                time=language.time(one.until_ms),
                reason=one.reason,
            )
        )
    lines += [
        language.say(
            "band_forced",
            band=language.phrases[f"band_{BANDS[forced.band]}"],
            computed=computed,
            event=language.phrases[f"exception_{forced.event}"],
            time=language.time(forced.until_ms),
        )
        for forced in holds.forced
    ]
    return lines or [language.say("band", band=computed)]


def _print_risk(found: Found, language: Language, top: int | None) -> None:
    why, name = found.explanation, language.phrases["churn_risk"]
    if why.churn_risk is None or why.churn_log_odds is None:
        output.say(f"{name}  {language.phrases['risk_absent']}")
        return
    output.say(f"{name}  {language.say('risk_line', risk=why.churn_risk, horizon=found.horizon_days)}")
    _lines(why.churn_reasons, top, language, lambda reason: _words("churn_risk", reason, language))
    odds = math.fsum(reason.contribution for reason in why.churn_reasons)
    risk = 1.0 / (1.0 + math.exp(-odds))
    said = language.say("risk_sum", risk=risk)
    output.say(f"  {odds:+10.4f}  {said}{language.comma}{_exactly(language, risk, why.churn_risk)}")


def _print_changes(found: Found, changed: Changes, language: Language, top: int | None) -> None:
    before, after = changed.before, changed.after
    output.say(language.say("changed", time=language.time(found.since_ms)))
    said = language.say("from_to", before=before.trust, after=after.trust)
    output.say(f"{language.phrases['trust']}  {said}")
    _change_lines("trust", changed.trust, after.trust - before.trust, language, top)
    name = language.phrases["churn_risk"]
    if changed.churn is None or before.churn_log_odds is None or after.churn_log_odds is None:
        came = after.churn_risk is not None
        said = (
            language.say("risk_came", after=after.churn_risk)
            if came
            else language.phrases["risk_absent_both"]
        )
        output.say(f"{name}  {said}")
    else:
        said = language.say("from_to_risk", before=before.churn_risk, after=after.churn_risk)
        output.say(f"{name}  {said}")
        moved = after.churn_log_odds - before.churn_log_odds
        _change_lines("churn_risk", changed.churn, moved, language, top)
    output.say()


def _change_lines(
    score: str, changed: Sequence[Change], moved: float, language: Language, top: int | None
) -> None:
    if not changed:
        output.say(f"  {0.0:+10.4f}  {language.phrases['nothing_changed']}")
    _lines(changed, top, language, lambda change: _change_words(score, change, language))
    total = math.fsum(change.contribution for change in changed)
    output.say(f"  {total:+10.4f}  {_sum(language, total, moved, 'exactly_change')}")


def _lines(
    reasons: Sequence[Line], top: int | None, language: Language, words: Callable[[Line], str]
) -> None:
    """One line each; those beyond `top`, and those that round to nothing, in one: what is printed sums."""
    shown_ = [reason for reason in reasons[:top] if abs(reason.contribution) >= VISIBLE]
    for reason in shown_:
        output.say(f"  {reason.contribution:+10.4f}  {words(reason)}")
    rest = reasons[len(shown_) :]
    if rest:
        total = math.fsum(reason.contribution for reason in rest)
        output.say(f"  {total:+10.4f}  {language.say('others', n=len(rest))}")


def _words(score: str, reason: Reason, language: Language) -> str:
    return reason_words(
        score, reason.code, reason.contribution, reason.observed, reason.usual, language, reason.dimension
    )


def _change_words(score: str, change: Change, language: Language) -> str:
    """The code's words at the later time, with both contributions."""
    now = change.after if change.after != 0.0 else change.before
    words = reason_words(score, change.code, now, change.observed, change.usual, language, change.dimension)
    return f"{words}: {language.say('then', before=change.before, after=change.after)}"


def _sum(language: Language, total: float, score: float, phrase: str = "exactly") -> str:
    return f"{language.phrases['sum']}{language.comma}{_exactly(language, total, score, phrase)}"


def _exactly(language: Language, total: float, score: float, phrase: str = "exactly") -> str:
    """Whether the reasons explain the score; tested to hold, and looked at again each time."""
    close = abs(total - score) < 1e-9 * max(1.0, abs(score))
    return language.phrases[phrase if close else "not_exactly"]


def _as_json(found: Found, language: Language) -> dict[str, Any]:
    why = found.explanation
    answer = {
        "customer_id": found.customer,
        "as_of": shown(found.time_ms),
        "events": found.events,
        "trust": why.trust,
        "trust_base": why.trust_base,
        "trust_low": found.low,
        "trust_high": found.high,
        "uncertainty": found.uncertainty,
        "trust_reasons": _reasons("trust", why.trust_reasons, language),
        "computed_band": found.computed_band,
        **_standing_json(found),
        "churn_risk": why.churn_risk,
        "churn_log_odds": why.churn_log_odds,
        "horizon_days": found.horizon_days,
        "churn_reasons": _reasons("churn_risk", why.churn_reasons, language),
        "open_alerts": [
            {"rule_id": rule.id, "severity": rule.severity, "action": rule.action, "since": shown(opened_ms)}
            for rule, opened_ms in found.open_alerts
        ],
        "derived": found.further,
        "unreadable_lines": found.n_unreadable,
    }
    if found.changes is not None:
        answer["changes"] = _changes_json(found.since_ms, found.changes, language)
    return answer


def _standing_json(found: Found) -> dict[str, Any]:
    """As in a published score: the band to show, what forces it, what a person decided."""
    holds, one = found.standing, found.standing.override
    return {
        "band": found.computed_band if holds.band is None else BANDS[holds.band],
        "forced_by": [
            {"event": forced.event, "band": BANDS[forced.band], "until": shown(forced.until_ms)}
            for forced in holds.forced
        ]
        or None,
        "override": None
        if one is None
        else {
            "band": BANDS[one.band],
            "reason": one.reason,
            "author": one.author,
            "issued_at": shown(one.issued_ms),
            "until": shown(one.until_ms),
        },
    }


def _reasons(score: str, reasons: Sequence[Reason], language: Language) -> list[dict[str, Any]]:
    return [asdict(reason) | {"text": _words(score, reason, language)} for reason in reasons]


def _changes_json(since_ms: int, changed: Changes, language: Language) -> dict[str, Any]:
    before, after = changed.before, changed.after
    known_ = before.churn_log_odds is not None and after.churn_log_odds is not None
    odds = (after.churn_log_odds or 0.0) - (before.churn_log_odds or 0.0) if known_ else None

    def lines(score: str, found: Sequence[Change]) -> list[dict[str, Any]]:
        return [
            asdict(change)
            | {"contribution": change.contribution, "text": _change_words(score, change, language)}
            for change in found
        ]

    return {
        "since": shown(since_ms),
        "trust_before": before.trust,
        "trust_after": after.trust,
        "trust_change": after.trust - before.trust,
        "trust_reasons": lines("trust", changed.trust),
        "churn_risk_before": before.churn_risk,
        "churn_risk_after": after.churn_risk,
        "churn_log_odds_change": odds,
        "churn_reasons": None if changed.churn is None else lines("churn_risk", changed.churn),
    }
