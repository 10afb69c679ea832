"""How sure one can be of a measure: the customers drawn again, with replacement, many times."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stream.offline.metrics import MEASURES, Judged

__all__ = ["bootstrap", "interval", "resamples_for"]

Floats = NDArray[np.float64]

CELLS = 2_000_000  # numbers of one chunk of resamples; bounds the memory, changes no result
MOST_CELLS = 12_000_000  # of all chunks together: about a second per model
RESAMPLES = 1_000
FEWEST_RESAMPLES = 100


def resamples_for(n: int) -> int:
    """How many resamples `n` customers are given: 1,000, fewer above 12,000 customers, at least 100."""
    return int(np.clip(MOST_CELLS // max(n, 1), FEWEST_RESAMPLES, RESAMPLES))


def bootstrap(models: Mapping[str, Judged], resamples: int, seed: int = 1) -> dict[str, dict[str, Floats]]:
    """Every measure of every model on the same resamples of the customers (Efron & Tibshirani 1993).

    All models must judge the same customers in the same order. A difference of two models' values is then
    the paired bootstrap of their difference.

    Args:
        models: by name.
        resamples: B.
        seed: of all chance; the same gives the same values.

    Returns:
        model -> measure -> (B,).
    """
    n = len(next(iter(models.values())))
    assert all(len(judged) == n for judged in models.values())
    chance = np.random.default_rng(seed)
    per_chunk = max(1, CELLS // max(n, 1))
    parts: dict[str, dict[str, list[Floats]]] = {name: {what: [] for what in MEASURES} for name in models}
    for start in range(0, resamples, per_chunk):
        rows = min(per_chunk, resamples - start)
        drawn = chance.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        for name, judged in models.items():
            for what, values in judged.measures(weights).items():
                parts[name][what].append(values)
    return {
        name: {what: np.concatenate(values) for what, values in measures.items()}
        for name, measures in parts.items()
    }


def interval(values: Floats, mass: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled values; nan if none of them exists."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1.0 - mass) / 2.0, (1.0 + mass) / 2.0])
    return float(low), float(high)
