"""What rules cost: ten of them, every kind and scope, on scored customers; one thread's CPU time.

Example: python -m tests.bench.rules --rows 1000000

Values, scopes and the conditions of `evaluate` where nothing happens, which is what nearly always happens.
Customers are measured in slices, as a sweep does. The two kinds that look further than the scores are
measured alone too, with how many customers they had to be computed for.
"""

import argparse
import statistics
import sys
import time

import numpy as np
from numpy.typing import NDArray

from stream.alerts.evaluate import Measured, evaluate
from stream.alerts.rules import Rules, parse
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints, currency_number, seconds
from stream.model.evidence import CAUSES, cause_half_lives_ms, growth
from stream.model.feedback import CODE
from stream.model.promises import Kind
from stream.model.score import score
from stream.pipeline.measure import measure
from stream.state.facts import facts
from stream.state.layout import take
from stream.state.table import CustomerTable

SHIPPED = parameters.load()
NOW_DAY = 13_000
NOW_MS = EPOCH_1990_MS + NOW_DAY * MS_PER_DAY
RULE = '[[rule]]\nid = "{}"\nseverity = "warning"\nowner = "o"\naction = "call_today"\n{}\n'
TEN = {
    "trust": 'kind = "trust_below"\nopen = 40\nclear = 50\nescalate = 20\nescalate_severity = "critical"',
    "trust_silver": 'kind = "trust_below"\nopen = 60\nclear = 70\ntiers = ["silver"]\nmode = "shadow"',
    "risk": 'kind = "churn_risk_above"\nopen = 0.85\nclear = 0.7\nmin_purchase_days = 4\nsegments = ["a"]',
    "risk_b": 'kind = "churn_risk_above"\nopen = 0.7\nclear = 0.6\nmax_uncertainty = 0.5\nsegments = ["b"]',
    "drop": 'kind = "trust_drop"\nopen = 25\nclear = 15\ndays = 30',
    "reliability": 'kind = "component_below"\nopen = -20\nclear = -10\ncomponent = "reliability"',
    "survey": 'kind = "component_below"\nopen = -20\nclear = -10\ncomponent = "survey"\nlocales = ["ja"]',
    "overdue": 'kind = "promise_overdue"\nopen = 72\nclear = 1\nchannels = ["web", "app"]',
    "payment": 'kind = "payment_failed"\nopen = 1.5\nclear = 0.5',
    "worth": 'kind = "value_at_risk_above"\nopen = 500\nclear = 300\ncurrency = "EUR"',
}


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--slice", type=int, default=5_000, help="rows at a time (default 5,000)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    options = parser.parse_args()
    table = invented(options.rows)
    rules = parse('segments = ["a", "b"]\n' + "".join(RULE.format(*each) for each in TEN.items()))
    alone = {rule.id: Rules(rule=(rule,)) for rule in rules.rule}
    totals = []
    for _ in range(options.rounds):
        cpu, computed = _measure(table, rules, alone, options.slice)
        for name, n in computed.items():
            print(f"{name}: {cpu[name]:.3f} s CPU, computed for {n:,} of {options.rows:,} customers")
        others = cpu["values and scopes"] - sum(cpu[name] for name in computed)
        print(f"the other kinds: {others:.3f} s CPU")
        total = cpu["values and scopes"] + cpu["conditions"]
        totals.append(total)
        print(
            f"10 rules: {total:.3f} s CPU for {options.rows:,} rows "
            f"(values and scopes {cpu['values and scopes']:.3f}, conditions {cpu['conditions']:.3f})",
            flush=True,
        )
    print(f"median {statistics.median(totals):.3f} s, {min(totals):.3f} to {max(totals):.3f}")
    return 0


def _measure(
    table: CustomerTable, rules: Rules, alone: dict[str, Rules], size: int
) -> tuple[dict[str, float], dict[str, int]]:
    cpu = dict.fromkeys(["values and scopes", "conditions", *alone], 0.0)
    computed = dict.fromkeys(["drop", "worth"], 0)
    for start in range(0, table.n_rows, size):
        rows = table.live(start, start + size)
        store = take(table.rows, rows)
        known = facts(table, rows, NOW_MS, SHIPPED, store)
        given = (table, rows, store, known, score(known, NOW_MS, SHIPPED), NOW_MS, SHIPPED)
        events, last_ms = store["events"].astype(np.int64), np.full(len(rows), NOW_MS)
        began = time.thread_time()
        found = measure(rules, *given)
        measured = time.thread_time()
        nobody = Measured(found.value, np.zeros_like(found.in_scope))
        ready = time.thread_time()
        evaluate(table.alerts, rows, events, last_ms, nobody, rules, NOW_MS)
        cpu["conditions"] += time.thread_time() - ready
        cpu["values and scopes"] += measured - began
        for name in computed:
            began = time.thread_time()
            value = measure(alone[name], *given).value
            cpu[name] += time.thread_time() - began
            computed[name] += int((~np.isnan(value)).sum())
    return cpu, computed


def invented(n: int) -> CustomerTable:
    """Customers of whom two in three bought again, with some evidence, a promise or two, and a profile."""
    chance = np.random.default_rng(7)
    table = CustomerTable(SHIPPED.statistics_hash)
    rows = table.rows_of([b"c%d" % i for i in range(n)])
    store: NDArray[np.void] = table.rows[:n]
    half_lives = cause_half_lives_ms(SHIPPED.statistics)
    weight = chance.gamma(0.3, 2.0, (n, len(CAUSES), 2))
    store["evidence"] = growth(weight, np.array(NOW_MS), half_lives[:, None])
    days = chance.geometric(0.3, n)
    first = NOW_DAY - chance.integers(1, 1500, n)
    last = np.where(days > 1, first + ((NOW_DAY - first) * chance.random(n)).astype(np.int64), first)
    store["n_days"], store["first_day"], store["days"][:, 0] = days, first + 1, last + 1
    store["amount_e4"] = days * chance.gamma(2.0, 200_000.0, n)
    store["payment_failures"] = growth(
        chance.gamma(0.1, 1.0, n),
        np.array(NOW_MS),
        SHIPPED.statistics.payment_failure_days * float(MS_PER_DAY),
    )
    store["first_s"] = seconds(EPOCH_1990_MS + first * MS_PER_DAY)
    store["last_s"] = seconds(EPOCH_1990_MS + last * MS_PER_DAY)
    store["events"] = days + 3
    store["currency"] = np.where(chance.random(n) < 0.8, currency_number("EUR"), currency_number("JPY"))
    store["tier"], store["channels"] = chance.integers(0, 5, n), 1 << chance.integers(0, 8, n)
    for name, values in (("segment", [b"", b"a", b"b"]), ("locale", [b"", b"de", b"ja-JP"])):
        store[name] = np.array(values)[chance.integers(0, 3, n)]
    _promise(store, rows, chance)
    when = seconds(NOW_MS - chance.integers(0, 90, n) * MS_PER_DAY) & ~np.uint32(63)
    store["feedback"][:, 0] = np.where(chance.random(n) < 0.3, when | np.uint32(CODE["review 5"]), 0)
    happened = [store["promises"][name].max(axis=1) for name in ("opened", "closed")]
    store["last_s"] = np.maximum.reduce([store["last_s"], when, *happened])
    return table


def _promise(store: NDArray[np.void], rows: Ints, chance: np.random.Generator) -> None:
    """Two deliveries each; one in ten of the second is still on the way, and half of those overdue."""
    n = len(rows)
    promises = store["promises"]
    for slot in range(2):
        opened = NOW_MS - chance.integers(1, 60, n) * MS_PER_DAY
        due = opened + chance.integers(1, 20, n) * MS_PER_DAY
        arrived = (chance.random(n) < 0.9) | (slot == 0)
        promises["ref"][:, slot] = rows + 1
        promises["kind"][:, slot] = Kind.DELIVERY
        promises["opened"][:, slot], promises["due"][:, slot] = seconds(opened), seconds(due)
        promises["closed"][:, slot] = np.where(arrived, seconds(np.minimum(due, NOW_MS)), 0)


if __name__ == "__main__":
    sys.exit(main())
