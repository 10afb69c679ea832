"""What follows from both scores, as lines and as JSON: of one customer, and by group."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from stream.cli import output
from stream.cli.known import Known
from stream.model.columns import currency_code
from stream.model.derived import LOYALTY, NO_VALUE
from stream.model.surveys import figures
from stream.offline.contacts import contacts
from stream.pipeline.derive import CHANGE_DAYS, Derived, derive
from stream.pipeline.segments import GROUPINGS, Segment, places
from stream.texts.languages import Language

__all__ = ["contacts_json", "further", "place", "print_further", "print_segments", "segment_json"]

ABSENT = "-"


def further(derived: Derived, i: int = 0) -> dict[str, Any]:
    """One customer's derived figures, ready for JSON; null where nothing can be said."""
    currency = int(derived.currency[i])
    its = figures(derived.feedback.owner, derived.feedback.code, len(derived))
    return {
        **{f"trust_change_{days}d": _number(derived.change[days][i]) for days in CHANGE_DAYS},
        "p_active": _number(derived.p_active[i]),
        "loyalty_type": LOYALTY[derived.loyalty[i]] if derived.loyalty[i] >= 0 else None,
        "lifetime_value": _number(derived.value[i]),
        "value_at_risk": _number(derived.at_risk[i]),
        "value_absent": NO_VALUE[derived.no_value[i]] or None,
        "currency": currency_code(currency) if currency else None,
        "surveys": {
            name: {
                "answers": int(f.n[i]),
                "value": _number(f.value[i]),
                "standard_error": _number(f.error[i]),
            }
            for name, f in its.items()
        },
        "low_answers": int(derived.met.low[i]),
        "low_answers_acted_on": int(derived.met.acted_on[i]),
        "low_answers_waiting": int(derived.met.waiting[i]),
        "tickets_with_channel": int(derived.tickets[i]),
        "tickets_that_hopped": int(derived.hopped[i]),
        **{by: group(derived)[i] for by, group in GROUPINGS.items()},
    }


def contacts_json(of: Known) -> dict[str, Any]:
    """How a file's customer's contacts hop between channels, ready for JSON."""
    found = contacts(of.records)
    return {
        "contacts_that_could_hop": found.could_hop,
        "contacts_that_hopped": found.hopped,
        "share_of_contacts_that_hopped": found.share,
    }


def place(of: Known) -> dict[str, Any]:
    """A file's customer's place among those of the own segment, ready for JSON; everybody is replayed."""
    assert of.read_everybody is not None
    table = of.read_everybody()
    rows = table.live(0, table.n_rows)
    among = places(derive(table, rows, of.time_ms, of.pipeline.parameters))
    i = int(np.flatnonzero(rows == table.index[of.key])[0])
    return {
        "percentile_in_segment": {
            "trust": _number(among.trust[i]),
            "churn_risk": _number(among.churn_risk[i]),
            "customers": int(among.customers[i]),
        }
    }


def print_further(its: dict[str, Any], language: Language) -> None:
    """The same as lines."""
    for line in _lines(its, language):
        output.say(line)


def _lines(its: dict[str, Any], language: Language) -> Iterator[str]:
    say, phrases = language.say, language.phrases
    moved = (
        ABSENT if its[name] is None else say("trust_moved_by", change=its[name], days=days)
        for days in CHANGE_DAYS
        for name in [f"trust_change_{days}d"]
    )
    yield say("trust_moved", changes=language.comma.join(moved))
    kind = ABSENT if its["loyalty_type"] is None else phrases[f"loyalty_{its['loyalty_type']}"]
    yield say(
        "loyalty",
        kind=kind if its["p_active"] is None else f"{kind} {say('p_active', p=its['p_active'])}",
        lifecycle=phrases[f"lifecycle_{its['lifecycle']}"],
        tier=phrases[f"tier_{its['tier']}"],
    )
    if "percentile_in_segment" in its:
        yield _placed(its["segment"], its["percentile_in_segment"], language)
    if its["lifetime_value"] is None:
        yield say("no_value", reason=phrases[f"no_value_{its['value_absent']}"])
    else:
        yield say("value", worth=its["lifetime_value"], risk=its["value_at_risk"], currency=its["currency"])
    for name, one in its["surveys"].items():
        if one["answers"]:
            figure = _figure(one["value"], one["standard_error"])
            yield say(f"survey_{name}", figure=figure, n=one["answers"])
    if its["low_answers"]:
        yield say(
            "low_answers",
            low=its["low_answers"],
            acted=its["low_answers_acted_on"],
            waiting=its["low_answers_waiting"],
        )
    if its["tickets_with_channel"]:
        line = say("channel_hops", hopped=its["tickets_that_hopped"], tickets=its["tickets_with_channel"])
        if its.get("contacts_that_could_hop"):
            hopped, could_hop = its["contacts_that_hopped"], its["contacts_that_could_hop"]
            line += language.comma + say("contact_hops", hopped=hopped, contacts=could_hop)
        yield line


def _placed(segment: str, among: dict[str, Any], language: Language) -> str:
    risk = among["churn_risk"]
    return language.say(
        "percentile",
        trust=among["trust"],
        risk=language.phrases["absent"] if risk is None else language.say("percent", percent=risk),
        segment=language.phrases["segment_none"] if segment == "(none)" else segment,
        customers=among["customers"],
    )


def segment_json(segment: Segment) -> dict[str, Any]:
    """One group, ready for JSON."""
    low, acted, waiting = segment.low_answers
    return {
        "name": segment.name,
        "customers": segment.customers,
        "trust": segment.trust,
        **{f"trust_change_{days}d": change for days, change in segment.change.items()},
        "churn_risk": segment.churn_risk,
        "surveys": {
            name: {"answers": n, "value": value, "standard_error": error}
            for name, (n, value, error) in segment.surveys.items()
        },
        "low_answers": low,
        "low_answers_acted_on": acted,
        "low_answers_waiting": waiting,
        "tickets_with_channel": segment.tickets[0],
        "tickets_that_hopped": segment.tickets[1],
        "loyalty": segment.loyalty,
        "value": {
            currency: {"customers": n, "lifetime_value": worth, "value_at_risk": risk}
            for currency, (n, worth, risk) in segment.value.items()
        },
    }


HEAD = (
    "customers",
    "trust",
    "7 d",
    "30 d",
    "risk",
    "NPS (n)",
    "CSAT (n)",
    "CES (n)",
    "acted on",
    "hops",
    "at risk",
)


def print_segments(by: str, groups: list[Segment]) -> None:
    """A table, one line each; figures with their standard error."""
    rows = [(by, *HEAD), *((group.name, *_cells(group)) for group in groups)]
    width = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        said = "  ".join(cell.rjust(size) for cell, size in zip(cells, width[1:], strict=True))
        output.say(f"{name:<{width[0]}}  {said}")


def _cells(group: Segment) -> list[str]:
    low, acted, _ = group.low_answers
    tickets, hopped = group.tickets
    surveys = [_survey(group, name) for name in ("nps", "csat", "ces2")]
    at_risk = " + ".join(f"{risk:,.0f} {currency}" for currency, (_, _, risk) in group.value.items())
    return [
        f"{group.customers:,}",
        f"{group.trust:.1f}",
        *(_signed(group.change[days]) for days in CHANGE_DAYS),
        ABSENT if group.churn_risk is None else f"{group.churn_risk:.3f}",
        *surveys,
        f"{acted} of {low}" if low else ABSENT,
        f"{hopped} of {tickets}" if tickets else ABSENT,
        at_risk or ABSENT,
    ]


def _survey(group: Segment, name: str) -> str:
    n, value, error = group.surveys[name]
    return f"{_figure(value, error)} ({n})" if n else ABSENT


def _figure(value: float | None, error: float | None) -> str:
    said = ABSENT if value is None else f"{value:.1f}"
    return said if error is None else f"{said} ± {error:.1f}"


def _signed(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.1f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
