"""A backtest as one HTML page: no script, no network, light and dark as the reader's system has it."""

from html import escape

from stream.offline import report_plots
from stream.offline.backtest import OURS, Backtest, Fold
from stream.offline.backtest_table import COLUMNS, alert_lines, cells, lead_lines, shown
from stream.offline.metrics import N_BINS

__all__ = ["report_html"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1c2330;--soft:#5b6675;--line:#dfe4ea;--card:#f6f8fa;
--muted:#8a95a3;--ours:#1f6feb;--recency:#d9730d;--third:#2a9d6f;--fourth:#8250df;--warn:#fff4e0}
@media (prefers-color-scheme:dark){:root{--back:#12161c;--text:#e6eaf0;--soft:#9aa6b5;--line:#2c3440;
--card:#1a2029;--muted:#6e7a8a;--ours:#6cb0ff;--recency:#ffa657;--third:#56d4a0;--fourth:#c297ff;--warn:#3a2c14}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1160px;padding:28px 20px 60px;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 10px}p{margin:6px 0}
.soft,figcaption{color:var(--soft)}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:6px 7px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tr.ours td{font-weight:600}tr.ours td:first-child{color:var(--ours)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr));gap:16px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px}
figcaption{font-size:13px;margin-top:6px}svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--soft)}svg .axis,svg .key{font-size:12px;fill:var(--text)}
.grid{stroke:var(--line);stroke-width:1}
ul.warn{background:var(--warn);border-radius:8px;padding:10px 14px 10px 32px}
.facts{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0}.facts div{background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:8px 16px;min-width:120px}.facts b{display:block;
font-size:20px}
"""


def report_html(found: Backtest, horizon_days: int, source: str) -> str:
    """The whole page.

    Args:
        found: all folds.
        horizon_days: h.
        source: name of the file of events.
    """
    first = found.folds[0]
    body = [
        "<h1>Backtest of churn risk</h1>",
        f"<p class=soft>{escape(source)}: scored as of {_day(first)}, judged by {horizon_days} days</p>",
        _facts(first, horizon_days),
        _warnings(found, first),
        "<h2>Models on the same customers</h2>",
        _models(first),
        "<h2>Plots</h2>",
        _plots(first),
        _lead(found),
        _folds(found),
        "<h2>How to read this</h2>",
        _notes(horizon_days, first),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Backtest {_day(first)}, {horizon_days} days</title><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _day(fold: Fold) -> str:
    return fold.origin.text


def _facts(fold: Fold, horizon_days: int) -> str:
    values = [
        ("origin", _day(fold)),
        ("horizon", f"{horizon_days} days"),
        ("customers", f"{fold.n:,}"),
        ("left", _percent(fold.churn_rate)),
        ("predicted", _percent(fold.foretold)),
    ]
    return (
        "<div class=facts>"
        + "".join(f"<div><span class=soft>{name}</span><b>{value}</b></div>" for name, value in values)
        + "</div>"
    )


def _warnings(found: Backtest, fold: Fold) -> str:
    said = found.warnings + fold.warnings
    return f"<ul class=warn>{''.join(f'<li>{escape(each)}</li>' for each in said)}</ul>" if said else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, list[str], bool]]) -> str:
    lines = []
    for name, values, ours in rows:
        row = "".join(f"<td>{escape(each)}</td>" for each in (name, *values))
        lines.append(f"<tr{' class=ours' if ours else ''}>{row}</tr>")
    heading = f"<thead><tr>{''.join(f'<th>{escape(each)}</th>' for each in head)}</tr></thead>"
    return f"<div class=wide><table>{heading}<tbody>{''.join(lines)}</tbody></table></div>"


def _models(fold: Fold) -> str:
    rows = [(name, cells(result), name == OURS) for name, result in fold.results.items()]
    return _table(("model", *COLUMNS), rows)


CAPTIONS = {
    report_plots.calibration: f"Calibration by {N_BINS} bins of equal count. On the dashed line as many "
    "left as predicted; rest the pointer on a point for its numbers.",
    report_plots.gains: "Lift curve. The higher a curve, the more of those who left are among the customers "
    "called riskiest; the straight line is a draw by lot.",
    report_plots.distribution: "Churn risk at the origin of customers who then left, and who stayed.",
    report_plots.weeks: "Buyers without a purchase so far, week by week: as predicted at the origin, with "
    "shorter horizons, and as it came. A growing gap means that customers changed: fit again.",
}


def _plots(fold: Fold) -> str:
    if not fold.n:
        return "<p>Nobody to judge.</p>"
    figures = [
        f"<figure>{plot(fold)}<figcaption>{escape(text)}</figcaption></figure>"
        for plot, text in CAPTIONS.items()
        if plot is not report_plots.weeks or fold.weeks is not None
    ]
    return f"<div class=plots>{''.join(figures)}</div>"


NO_LEAD = (
    "No day on which somebody left is known: there is no truth file, and no contract ended in the horizon."
)


def _lead(found: Backtest) -> str:
    """How many alerts, how steady; and lead times, where days of leaving are known, or that they are not."""
    lines = alert_lines(found.quality) + (lead_lines(found) or [NO_LEAD])
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    if found.lead is not None and found.lead.days:
        caption = "Days from the first alert still open when a customer left to that day."
        plot = report_plots.lead_days(found.lead.days)
        text += f"<div class=plots><figure>{plot}<figcaption>{caption}</figcaption></figure></div>"
    return f"<h2>Alerts of the horizon</h2>{text}"


FOLD_COLUMNS = (
    "origin", "customers", "left", "predicted", "gap", "AUC", "recency", "Brier", "recency", "ECE", "lift"
)  # fmt: skip


def _folds(found: Backtest) -> str:
    rows = []
    for fold in found.folds:
        ours, recency = fold.results[OURS].measures, fold.results["recency"].measures
        nothing = float("nan")
        values = [
            f"{fold.n:,}",
            _percent(fold.churn_rate),
            _percent(fold.foretold),
            f"{100 * (fold.foretold - fold.churn_rate):+.1f}" if fold.n else "-",
            shown(ours.get("auc", nothing)),
            shown(recency.get("auc", nothing)),
            shown(ours.get("brier", nothing)),
            shown(recency.get("brier", nothing)),
            shown(ours.get("ece", nothing)),
            shown(ours.get("lift", nothing), 2),
        ]
        rows.append((_day(fold), values, False))
    return f"<h2>Folds</h2>{_table(FOLD_COLUMNS, rows)}"


NOTES = """
A customer who buys has left if it buys nothing in the {h} days after the origin. A customer with a contract
has left if the contract ended, or its term ran out without renewal, by then.

Every model is fitted on events up to the origin, and customers are scored by the code that runs live.

Intervals are 95 % of {b} bootstrap resamples of the customers; differences are of the same resamples.

AUC: chance that a leaver has the higher risk. PR-AUC: average precision. Brier and log loss: lower is better;
skill is against predicting the rate that turned out. ECE: mean distance from the
dashed line, over 10 bins of equal width, and over 10 of equal count as in the plot.

recency and frequency are logistic regressions with one slope, logistic_rfm is one on recency, frequency, age
and amount; these three and base_rate are trained on a window before the origin.
"""


def _notes(horizon_days: int, fold: Fold) -> str:
    lines = NOTES.strip().format(h=horizon_days, b=f"{fold.resamples:,}").split("\n\n")
    return "".join(f"<p class=soft>{escape(line)}</p>" for line in lines)


def _percent(value: float) -> str:
    return shown(100 * value, 1) + " %" if value == value else "-"
