"""What scoring costs alone: facts in arrays -> trust, churn risk, all contributions; one thread's CPU time.

Example: python -m tests.bench.score --rows 1000000

With a fitted layer (CDNOW's) and without, one customer in twenty with a contract; and with a fitted contract
table, everybody with one. Rows are scored in slices, as a sweep does; they fit a cache then.
"""

import argparse
import dataclasses
import sys
import time

import numpy as np
from msgspec.structs import replace

from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.evidence import CAUSES, DERIVED_CAUSES
from stream.model.parameters import Churn, Coefficients, Layer, Nbd, Parameters, Usual
from stream.model.risk import RiskFacts
from stream.model.score import Facts, score
from stream.model.trust import LastHeard
from stream.offline.fit_contract import declared

NOW_DAY = 13_000
LAYER = Layer(
    horizon_days=182,
    history_days=273,
    base=1.04,
    coefficient=Coefficients(recency=0.11, frequency=-0.95, age=0.18, amount=-0.085, mbg=0.28, nbd=0.046),
    usual=Usual(frequency=-0.52, silence=1.03, age=0.96, amount=-0.28),
    nbd=Nbd(r=0.385, alpha=12.07),
)


def main() -> int:
    """Measure and print one line per model and round; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.score", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--slice", type=int, default=5_000, help="rows at a time (default 5,000)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    options = parser.parse_args()
    facts = invented(options.rows)
    shipped = parameters.load()
    churn = Churn(horizon_days=LAYER.horizon_days, mbg=shipped.churn.mbg, layer=LAYER)
    contract = declared(shipped.risk)
    runs = {
        "fitted layer": (facts, replace(shipped, churn=churn)),
        "shipped MBG/NBD": (facts, shipped),
        "fitted contract": (subscribed(facts), replace(shipped, churn=replace(churn, contract=contract))),
    }
    for _ in range(options.rounds):
        for name, (given, model) in runs.items():
            print(
                f"{name}: {_measure(given, options.slice, model):.3f} s CPU for {options.rows:,} rows",
                flush=True,
            )
    return 0


def subscribed(facts: Facts) -> Facts:
    """The same customers, each with a contract: three in ten without a term, the others of three lengths."""
    n, chance = len(facts.positive), np.random.default_rng(8)
    renewed = NOW_DAY - chance.integers(1, 300, n)
    term_end = np.where(chance.random(n) < 0.3, 0, renewed + chance.choice((30, 365, 730), n))
    since = EPOCH_1990_MS + np.stack([renewed, term_end]) * MS_PER_DAY
    risk = dataclasses.replace(
        facts.risk,
        contractual=np.ones(n, np.bool_),
        renewed_ms=since[0],
        term_end_ms=np.where(term_end > 0, since[1], 0),
    )
    return dataclasses.replace(facts, risk=risk)


def invented(n: int) -> Facts:
    """Facts of n customers: two in three bought again, some evidence, a few promises and contracts."""
    chance = np.random.default_rng(7)
    evidence = chance.gamma(0.3, 2.0, (n, len(CAUSES) + len(DERIVED_CAUSES)))
    days = chance.geometric(0.3, n)
    first = NOW_DAY - chance.integers(1, 1500, n).astype(np.float64)
    last = np.where(days > 1, first + (NOW_DAY - first) * chance.random(n), first).round()
    risk = RiskFacts(
        purchase_days=days,
        first_day=first,
        last_day=last,
        amount_e4=(days * chance.gamma(2.0, 200_000.0, n)).astype(np.int64),
        overdue=chance.integers(0, 8, n) // 7,
        payment_failures=chance.gamma(0.1, 1.0, n),
        engagement_short=chance.gamma(1.0, 3.0, n),
        engagement_long=chance.gamma(1.0, 12.0, n),
        unsubscribed=chance.random(n) < 0.05,
        contractual=chance.random(n) < 0.05,
        cancel_requested=chance.random(n) < 0.01,
        ended=chance.random(n) < 0.01,
        term_end_ms=np.zeros(n, np.int64),
        first_ms=EPOCH_1990_MS + (first * MS_PER_DAY).astype(np.int64),
        renewed_ms=np.zeros(n, np.int64),
    )
    against = evidence[:, ::-1].copy()
    heard = LastHeard(chance.gamma(1.0, 30.0 * MS_PER_DAY, n), 1.3 * evidence, 1.3 * against)
    return Facts(evidence, against, heard, risk)


def _measure(facts: Facts, size: int, model: Parameters) -> float:
    n, now_ms = len(facts.positive), EPOCH_1990_MS + NOW_DAY * MS_PER_DAY
    slices = [facts.of(slice(start, start + size)) for start in range(0, n, size)]
    began = time.thread_time()
    for each in slices:
        score(each, now_ms, model)
    return time.thread_time() - began


if __name__ == "__main__":
    sys.exit(main())
