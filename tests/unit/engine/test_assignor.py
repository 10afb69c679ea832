"""Laws of the assignor: complete, balanced, and never moving more than balance needs."""

from faust.assignor.client_assignment import ClientAssignment
from hypothesis import given
from hypothesis import strategies as st

from stream.config import load
from stream.engine.app import create_app
from stream.engine.assignor import spread
from stream.metrics import Metrics
from tests.integration.engine.counting import CountingPipeline


@st.composite
def claims(draw: st.DrawFn) -> tuple[dict[str, list[int]], int]:
    """Members with what they own, possibly nothing or another's or what no longer exists, and the count."""
    n_partitions = draw(st.integers(1, 32))
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True))
    claim = st.lists(st.integers(0, n_partitions + 2), max_size=n_partitions, unique=True)
    return {name: draw(claim) for name in names}, n_partitions


@given(claims())
def test_every_partition_goes_to_exactly_one_member(case: tuple[dict[str, list[int]], int]) -> None:
    """No partition is left over or dealt twice, whatever members claim."""
    previous, n_partitions = case
    dealt = [partition for owned in spread(previous, n_partitions).values() for partition in owned]
    assert sorted(dealt) == list(range(n_partitions))


@given(claims())
def test_sizes_differ_by_at_most_one(case: tuple[dict[str, list[int]], int]) -> None:
    """Balance does not depend on history."""
    previous, n_partitions = case
    sizes = [len(owned) for owned in spread(previous, n_partitions).values()]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 32), st.integers(1, 6), st.data())
def test_moves_are_as_few_as_balance_allows(n_partitions: int, n_members: int, data: st.DataObject) -> None:
    """Of honest claims, members keep the most that any balanced deal could leave them."""
    owners = data.draw(st.lists(st.integers(0, n_members), min_size=n_partitions, max_size=n_partitions))
    previous: dict[str, list[int]] = {f"m{member}": [] for member in range(n_members)}
    for partition, owner in enumerate(owners):
        if owner < n_members:  # the last value is "nobody": its owner left
            previous[f"m{owner}"].append(partition)
    dealt = spread(previous, n_partitions)
    kept = sum(len(set(previous[member]) & set(dealt[member])) for member in previous)

    least, n_larger = divmod(n_partitions, n_members)
    quotas = [least + 1] * n_larger + [least] * (n_members - n_larger)
    sizes = sorted((len(owned) for owned in previous.values()), reverse=True)
    assert kept == sum(min(size, quota) for size, quota in zip(sizes, quotas, strict=True))


@given(st.integers(1, 32), st.integers(1, 6))
def test_a_rejoin_without_change_moves_nothing(n_partitions: int, n_members: int) -> None:
    """What was dealt is dealt again."""
    first = spread({f"m{member}": [] for member in range(n_members)}, n_partitions)
    assert spread(first, n_partitions) == first


def test_a_member_that_was_away_claims_nothing() -> None:
    """A thawed worker's old claim would compete with the rightful owner's."""
    assignor = create_app(load(), CountingPipeline(), Metrics("v", "m")).assignor
    assignor._assignment = ClientAssignment(actives={"interactions": [0, 1]}, standbys={})
    assert b"interactions" in assignor.metadata({"other"}).user_data
    assignor.forget()
    assert b"interactions" not in assignor.metadata({"other"}).user_data
