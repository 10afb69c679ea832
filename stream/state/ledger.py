"""One customer's promises as one list, wherever they lie: in the row's slots or in its tail."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stream.state.table import CustomerTable

__all__ = ["ledger", "rename"]


def ledger(table: CustomerTable, row: int) -> NDArray[np.void]:
    """Copy of a row's promises (`model.promises.PROMISE`), those of the slots first; shape (m,)."""
    slots = table.rows["promises"][row]
    spilled, _ = table.tails.promises([row])
    return np.concatenate([slots[slots["ref"] > 0], spilled])


def rename(table: CustomerTable, row: int, refs: Mapping[int, int]) -> None:
    """Give promises of a row other references, in place; a reference only tells promises apart."""
    slots = table.rows["promises"]["ref"]
    for slot, ref in enumerate(slots[row].tolist()):
        slots[row, slot] = refs.get(ref, ref)
    tail = table.tails.get(row)
    if tail is not None:
        tail.places = {refs.get(ref, ref): place for ref, place in tail.places.items()}
        places = np.array(list(tail.places.values()), np.int64)
        promises = table.tails.at(places)
        promises["ref"] = list(tail.places)
        table.tails.put(places, promises)
