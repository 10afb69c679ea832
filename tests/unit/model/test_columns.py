"""Sums of columns are the same to the bit, however customers are batched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.model.columns import row_sums


@given(st.integers(0, 10_000), st.integers(1, 17), st.integers(1, 40))
def test_row_sums_do_not_depend_on_the_batch(seed: int, columns: int, n: int) -> None:
    """Alone, among others, in either memory layout: the same bits; and the sum."""
    chance = np.random.default_rng(seed)
    table = chance.normal(size=(n, columns)) * 10.0 ** chance.uniform(-6, 6, (n, columns))
    whole = row_sums(table)
    assert (row_sums(np.asfortranarray(table)) == whole).all()
    assert all(row_sums(table[i : i + 1])[0] == whole[i] for i in range(n))
    assert np.allclose(whole, table.sum(axis=1), rtol=1e-9, atol=1e-9 * np.abs(table).max())
