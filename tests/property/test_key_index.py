"""The key index is a dict of row numbers, whatever the keys and however their hashes collide."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stream.state.keys import KeyIndex, Words

ODD_KEYS = [
    b"",
    b"\0",
    b"a",
    b"a\0",
    b"a\0\0",
    b"\0a",
    b"\xfe",
    b"\xfe\1",
    b"\xfe\3",
    b"\xfe\2\0",
    b"x" * 2040,
]
KEYS = st.one_of(
    st.sampled_from(ODD_KEYS),
    st.integers(0, 400).map(lambda i: b"customer-%d" % i),
    st.binary(max_size=40),
)


class Colliding(KeyIndex):
    """Three hashes for all keys, the last ones that there are."""

    def _hashed(self, words: Words) -> Words:
        return super()._hashed(words) % 3 + (2**32 - 3)


class Machine(RuleBasedStateMachine):
    """Beside a dict; rows come dense, and freed ones come back."""

    def __init__(self) -> None:
        super().__init__()
        self.index = self.new()
        self.rows: dict[bytes, int] = {}
        self.most = 0

    def new(self) -> KeyIndex:
        return KeyIndex()

    @rule(keys=st.lists(KEYS, max_size=60))
    def place(self, keys: list[bytes]) -> None:
        rows, fresh = self.index.rows_of(keys)
        new = list(dict.fromkeys(key for key in keys if key not in self.rows))
        taken = set(self.rows.values())
        assert not taken & set(fresh.tolist())
        self.rows.update(zip(new, fresh.tolist(), strict=True))
        assert rows.tolist() == [self.rows[key] for key in keys]
        self.most = max(self.most, len(self.rows))

    @rule(start=st.integers(0, 10**9), n=st.integers(300, 900))
    def place_many(self, start: int, n: int) -> None:
        self.place([b"c%d" % i for i in range(start, start + n)])

    @rule(keys=st.lists(KEYS, max_size=20))
    def find(self, keys: list[bytes]) -> None:
        assert self.index.find(keys).tolist() == [self.rows.get(key, -1) for key in keys]

    @rule(keys=st.lists(KEYS, max_size=20))
    def remove(self, keys: list[bytes]) -> None:
        for key in keys:
            assert self.index.remove(key) == self.rows.pop(key, None)

    @rule(share=st.integers(2, 5))
    def remove_many(self, share: int) -> None:
        self.remove(list(self.rows)[::share][:50])

    @invariant()
    def rows_are_dense(self) -> None:
        assert len(self.index) == len(self.rows)
        assert self.index.n_rows == self.most

    def teardown(self) -> None:
        """The same keys at the same rows, and no other row is live."""
        assert dict(self.index.items()) == self.rows
        assert self.index.live(0, self.most + 9).tolist() == sorted(self.rows.values())


class CollidingMachine(Machine):
    """Every key shares its hash with a third of all: its own bytes alone tell it from the others."""

    def new(self) -> KeyIndex:
        return Colliding()

    @rule(start=st.integers(0, 10**9), n=st.integers(20, 40))
    def place_many(self, start: int, n: int) -> None:
        self.place([b"c%d" % i for i in range(start, start + n)])


TestIndex = Machine.TestCase
TestIndex.settings = settings(max_examples=15, stateful_step_count=15)
TestColliding = CollidingMachine.TestCase
TestColliding.settings = settings(max_examples=15, stateful_step_count=15)
