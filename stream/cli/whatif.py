"""`kizuna whatif`: what could be done about a customer now, and the smallest of it that is enough."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.alerts.life import open_alerts
from stream.cli import output
from stream.cli.known import AppId, At, Customer, Events, Known, Params, known
from stream.cli.options import Bootstrap, Json
from stream.cli.times import shown
from stream.clock import now_ms
from stream.errors import BrokerError, ConfigError
from stream.pipeline import actions
from stream.pipeline.whatif import Goal, Plan, WhatIf, default_goals, interactions
from stream.pipeline.whatif import whatif as run
from stream.texts.languages import Lang, Language
from stream.texts.sentences import action_words

__all__ = ["whatif"]

LIMITS = {"trust": 100.0, "churn_risk": 1.0}


def whatif(
    customer: Customer,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="trust=60 (above) or churn_risk=0.5 (below); may be given twice.",
            show_default="what the open alerts need, else what keeps the rules from opening",
        ),
    ] = None,
    at: At = None,
    lang: Annotated[Lang, typer.Option(help="Language of the answer.")] = Lang.EN,
    efforts: Annotated[
        Path | None, typer.Option("--actions", help="Efforts of the actions (TOML).", show_default="shipped")
    ] = None,
    events: Events = None,
    params: Params = None,
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    json: Json = False,
) -> None:
    """Try what could be done about a customer now; the smallest that clears the threshold comes first.

    Each action is done to a copy of the customer by the code that would really do it: resolve an open ticket,
    deliver, apologise, a purchase ... Two together are tried if no single one is enough.

    Example: kizuna whatif cdnow-00001 --threshold trust=60
    """
    declared = actions.load(efforts)
    asked = tuple(_goal(text) for text in threshold or ())
    with known(customer, at=at, events=events, params=params, bootstrap=bootstrap, app_id=app_id) as of:
        goals = asked or default_goals(of.pipeline, of.table, of.row, of.time_ms)
        answer = run(of.pipeline, of.table, of.key, of.time_ms, goals, declared, _names(of))
        is_open = bool(open_alerts(of.table.alerts, of.row, of.pipeline.rules))
    if json:
        output.json_line(_as_json(of, answer, lang.language))
    else:
        _print(
            of, answer, lang.language, "goals_asked" if asked else "goals_open" if is_open else "goals_none"
        )


def _goal(text: str) -> Goal:
    name, _, number = text.partition("=")
    try:
        beyond = float(number)
    except ValueError:
        beyond = math.nan
    if not 0.0 <= beyond <= LIMITS.get(name, -1.0):  # nan is nowhere
        raise ConfigError(
            f"--threshold {text!r} is no threshold", hint="for example trust=60 or churn_risk=0.5"
        )
    return Goal("trust" if name == "trust" else "churn_risk", beyond)


def _names(of: Known) -> dict[int, str]:
    """Ids of the customer's tickets and deliveries; without the interactions they are only numbered."""
    try:
        return actions.names_of(of.records, now_ms())
    except BrokerError as failure:
        output.note(f"tickets and deliveries are numbered, their ids cannot be read: {failure}")
        return {}


def _print(of: Known, answer: WhatIf, language: Language, heading: str) -> None:
    time = language.time(of.time_ms)
    events = int(of.table.rows["events"][of.row])
    output.say(language.say("head", customer=of.customer, time=time, events=events))
    risk = answer.now.churn_risk
    said = language.phrases["absent"] if risk is None else language.fill("{risk:.4f}", risk=risk)
    output.say(language.say("now", trust=answer.now.trust, risk=said))
    if answer.goals:
        goals = language.between.join(_goal_words(goal, language) for goal in answer.goals)
        output.say(language.say(heading, goals=goals))
    else:
        output.say(language.phrases["no_goals"])
    output.say()
    if answer.goals:
        for line in _verdict(answer, language):
            output.say(line)
        output.say()
    for plan in answer.plans:
        _print_plan(plan, answer, language)
    if answer.n_left_out:
        output.note(language.say("left_out", n=answer.n_left_out))
    if of.n_unreadable:
        output.note(language.say("unreadable", n=of.n_unreadable))


def _verdict(answer: WhatIf, language: Language) -> list[str]:
    if answer.now.enough:
        return [language.phrases["already"]]
    if answer.best is not None:
        return [language.say("best", actions=action_words(answer.best.actions, language))]
    nearest = action_words(answer.plans[0].actions, language)
    return [language.say("none", pairs=answer.n_pairs), language.say("nearest", actions=nearest)]


def _goal_words(goal: Goal, language: Language) -> str:
    words = language.say(f"goal_{goal.score}", beyond=goal.beyond)
    return f"{words} {language.say('goal_rule', rule=goal.rule_id)}" if goal.rule_id else words


def _print_plan(plan: Plan, answer: WhatIf, language: Language) -> None:
    """Two lines: what to do, and what it would make of the scores."""
    effort = language.say("minutes", effort=plan.effort)
    mark = language.phrases["enough" if plan.enough else "not_enough"]
    whose = language.phrases["by_customer" if any(a.by == "customer" for a in plan.actions) else "by_us"]
    verdict = f", {mark}" if answer.goals and not answer.now.enough else ""
    output.say(f"{action_words(plan.actions, language)} ({whose}, {effort}{verdict})")
    risk = language.phrases["absent"]
    if plan.churn_risk is not None:
        change = plan.churn_risk - (answer.now.churn_risk if answer.now.churn_risk is not None else 0.0)
        risk = language.say("risk_moved", risk=plan.churn_risk, change=change)
    moved = plan.trust - answer.now.trust
    output.say(f"    {language.say('plan', trust=plan.trust, trust_change=moved, risk=risk)}")


def _as_json(of: Known, answer: WhatIf, language: Language) -> dict[str, Any]:
    return {
        "customer_id": of.customer,
        "as_of": shown(of.time_ms),
        "trust": answer.now.trust,
        "churn_risk": answer.now.churn_risk,
        "goals": [
            {"score": goal.score, "beyond": goal.beyond, "rule_id": goal.rule_id or None}
            for goal in answer.goals
        ],
        "needed": bool(answer.goals) and not answer.now.enough,
        "best": None if answer.best is None else _plan(of, answer.best, language),
        "plans": [_plan(of, plan, language) for plan in answer.plans],
        "pairs_tried": answer.n_pairs,
        "promises_left_out": answer.n_left_out,
        "unreadable_lines": of.n_unreadable,
    }


def _plan(of: Known, plan: Plan, language: Language) -> dict[str, Any]:
    return {
        "actions": [
            {"code": action.code, "about": action.about or None, "by": action.by, "effort": action.effort}
            for action in plan.actions
        ],
        "text": action_words(plan.actions, language),
        "effort": plan.effort,
        "trust": plan.trust,
        "churn_risk": plan.churn_risk,
        "enough": plan.enough,
        "interactions": interactions(plan.actions, of.customer, of.time_ms),
    }
