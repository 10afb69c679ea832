"""Events of one run by the row they belong to: sorted once, used by everything that merges them into rows."""

from typing import NamedTuple

import numpy as np

from stream.model.columns import Ints

__all__ = ["Groups", "group"]


class Groups(NamedTuple):
    """n events of m different rows.

    Attributes:
        rows: (n,) row of each event, arrival order.
        order: (n,) positions sorted by row, arrival order within a row.
        touched: (m,) the rows, ascending.
        start: (m,) where each row's events begin in `order`.
        size: (m,) how many each row has.
    """

    rows: Ints
    order: Ints
    touched: Ints
    start: Ints
    size: Ints

    def rank(self) -> Ints:
        """The how-manieth event of its row each of `order` is, from 0."""
        return np.arange(len(self.order)) - np.repeat(self.start, self.size)


def group(rows: Ints) -> Groups:
    """Groups of events by row."""
    order = np.argsort(rows, kind="stable")
    by_row = rows[order]
    first = np.ones(len(rows), np.bool_)
    np.not_equal(by_row[1:], by_row[:-1], out=first[1:])
    start = np.flatnonzero(first)
    return Groups(rows, order, by_row[start], start, np.diff(start, append=len(rows)))
