"""`kizuna dissatisfaction`: low reviews foreseen when the customer is asked, and how well."""

from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer

from schemas.codec import DECODE_ERRORS, classify, decode_interaction
from schemas.interaction import Event
from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import parse_time, shown
from stream.errors import DataError
from stream.model.dissatisfaction import DRIVERS
from stream.offline import history
from stream.offline.low_review import LOW, Verdict, judge
from stream.offline.orders import Orders, Reviews, collect
from stream.offline.whole import whole

__all__ = ["dissatisfaction"]

TELL = 10_000
NAMES = {
    "kizuna": "Kizuna",
    "overdue_days": "overdue days alone",
    "base_rate": "share of low ones so far",
}


def dissatisfaction(
    events: Annotated[
        Path, typer.Argument(help="One interaction per line: deliveries, and reviews of orders.")
    ],
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Judge reviews asked from here on.", show_default="as early as it can be"
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Judge reviews asked before this.", show_default="the last one")
    ] = None,
    among: Annotated[
        Path | None,
        typer.Option(help="Learn from and judge only reviews that are in this file too; sellers from all."),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Write what was foretold for each review, and why, one per line.")
    ] = None,
    json: Json = False,
) -> None:
    """Foresee reviews of 2 or less from what is known when the customer is asked, and say how well that went.

    The model is fitted anew at the start of each month on reviews answered by then, and judged on those asked
    for in the month: deliveries against their promise, what was in them, what became of the sellers' others.

    Example: kizuna dissatisfaction olist.jsonl --from 2017-09-01 --until 2018-09-01
    """
    from_ms = None if since is None else parse_time(since)
    until_ms = None if until is None else parse_time(until)
    with output.progress() as report:
        orders, reviews, unreadable = _read(events, lambda n: report(f"Reading {events.name}", n, 0))
        chosen = None
        if among is not None:
            _, some, _ = _read(among, lambda n: report(f"Reading {among.name}", n, 0))
            chosen = np.isin(np.array(reviews.ids), np.array(some.ids))
        verdict = judge(
            orders, reviews, from_ms, until_ms, chosen, lambda done, n: report("Fitting months", done, n)
        )
    if scores is not None:
        with whole(scores) as file:
            file.writelines(_scored(verdict, orders, reviews))
    _tell(verdict, reviews, unreadable, scores, json=json)


def _read(path: Path, on_progress: Callable[[int], None]) -> tuple[Orders, Reviews, int]:
    unreadable: list[str] = []

    def decoded() -> Iterator[Event]:
        for number, record in enumerate(history.read(path), start=1):
            if number % TELL == 0:
                on_progress(number)
            try:
                yield decode_interaction(record.value or b"")
            except DECODE_ERRORS as failure:
                cause, detail = classify(failure, record.value)
                unreadable.append(f"{path} line {record.offset}: {cause}, {detail}")

    orders, reviews = collect(decoded())
    for line in unreadable[:3]:
        output.note(line)
    if not reviews.ids:
        raise DataError(
            f"{path} holds no review of an order whose delivery was promised",
            hint="it wants deliveries with promised_at and order_id, and reviews with the same order_id",
        )
    return orders, reviews, len(unreadable)


def _scored(verdict: Verdict, orders: Orders, reviews: Reviews) -> Iterator[bytes]:
    names = list(DRIVERS)
    for i, at in enumerate(verdict.at.tolist()):
        yield (
            orjson.dumps(
                {
                    "customer_id": reviews.customers[at],
                    "order_id": orders.ids[reviews.order[at]],
                    "asked_at": shown(int(reviews.asked_ms[at])),
                    "p_low": round(float(verdict.probability[i]), 6),
                    "rating": int(reviews.rating[at]),
                    "log_odds": dict(zip(names, verdict.drivers[i].round(4).tolist(), strict=True)),
                }
            )
            + b"\n"
        )


def _tell(verdict: Verdict, reviews: Reviews, unreadable: int, scores: Path | None, *, json: bool) -> None:
    warnings = _warnings(reviews, unreadable)
    for warning in warnings:
        output.note(f"warning: {warning}")
    if json:
        output.json_line(
            {
                "outcome": f"review <= {LOW}",
                "reviews": verdict.n,
                "low_rate": verdict.low,
                "gain_over_overdue_days": dict(zip(("auc", "low", "high"), verdict.gain, strict=True)),
                "models": {name: _plain(found._asdict()) for name, found in verdict.models.items()},
                "months": [_plain(month._asdict()) for month in verdict.months],
                "left_out": verdict.n_left_out,
                "unreadable": unreadable,
                "warnings": warnings,
                "scores": None if scores is None else str(scores),
            }
        )
        return
    first, last = verdict.months[0].month, verdict.months[-1].month
    output.say(
        f"{verdict.n:,} reviews asked for from {first} to {last}, {verdict.low:.1%} of them low (up to {LOW})"
    )
    output.say(f"{'':27}{'AUC':>6}{'95 %':>13}{'PR-AUC':>8}{'Brier':>8}{'log loss':>10}{'ECE':>7}")
    for name, found in verdict.models.items():
        ends = "" if isnan(found.auc_low) else f"{found.auc_low:.3f}-{found.auc_high:.3f}"
        output.say(
            f"  {NAMES[name]:25}{found.auc:6.4f}{ends:>13}{found.pr_auc:8.3f}{found.brier:8.4f}"
            f"{found.log_loss:10.4f}{found.ece:7.3f}"
        )
    more, low, high = verdict.gain
    output.say(f"  Kizuna minus overdue days {more:+.4f} [{low:+.3f}, {high:+.3f}]")
    heads = ("learnt from", "judged", "low", "foretold", "AUC", "overdue")
    output.say("\nmonth    " + "".join(f"{head:>12}" for head in heads))
    for each in verdict.months:
        output.say(
            f"{each.month:9}{each.n_train:12,}{each.n:12,}{each.low:12.1%}{each.predicted:12.1%}"
            f"{each.auc:12.3f}{each.auc_overdue:12.3f}"
        )
    if verdict.n_left_out:
        causes = ", ".join(f"{n:,} {cause.replace('_', ' ')}" for cause, n in verdict.n_left_out.items())
        output.say(f"  left out: {causes}")
    if scores is not None:
        output.say(f"  each review, and why: {scores}")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN, the AUC of a month in which all ended the same way, is null in JSON."""
    return {
        name: None if isinstance(value, float) and isnan(value) else value for name, value in values.items()
    }


def _warnings(reviews: Reviews, unreadable: int) -> list[str]:
    warnings = []
    if unreadable:
        warnings.append(f"{unreadable:,} lines could not be read")
    if reviews.n_asked_unknown:
        warnings.append(
            f"{reviews.n_asked_unknown:,} reviews do not say when they were asked for (requested_at): "
            "they count as asked when they were answered"
        )
    return warnings
