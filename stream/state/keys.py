"""Row number by key, for millions of keys: open addressing in arrays, some 35 bytes for a key of 16.

A dict with its key objects takes four times as much. Whole batches are looked up at once:

    slots    hash (32 bits) and row + 1 (32 bits) of each key, linear probing; 0 = never used
    words    the keys' bytes in 8-byte words, padded with zeros; a row says where its key begins and how many
             words it has, 0 = the row is free

A slot only suggests a row: the key's own bytes decide, so two keys with one hash stay two customers. The hash
is seeded by Python's own, which differs per process: nobody outside can choose ids that collide.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stream.errors import StateError
from stream.model.columns import Ints
from stream.state.layout import extend, grown

__all__ = ["KeyIndex"]

Words = NDArray[np.uint64]
Places = NDArray[np.uint32]
Lengths = NDArray[np.uint8]

MAX_WORDS = 255
MAX_LOAD = 0.7
GROWTH = 1.25
FIRST_SLOTS = 1024
SPARE_SLOTS = 64  # behind the last home; the last slot of all stays free and ends every search
WINDOW = np.arange(8)  # slots of one cache line
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
SEED = np.uint64(hash(b"kizuna") & 0xFFFFFFFFFFFFFFFF)
FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)  # odd, with bits well spread


class KeyIndex(Mapping[bytes, int]):
    """Rows of keys. Row numbers are dense; those of removed keys are used again.

    Attributes:
        n_rows: row numbers in use, or free to be used again, are below this.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self._n = 0
        self._free: list[tuple[int, int]] = []  # row, words at its place
        self._n_homes = FIRST_SLOTS
        self._slots: Words = np.zeros(FIRST_SLOTS + SPARE_SLOTS, np.uint64)
        self._n_used = 0
        self._words: Words = np.zeros(1024 + MAX_WORDS, np.uint64)
        self._n_words = 0
        self._place = np.zeros(FIRST_SLOTS, np.uint32)
        self._length = np.zeros(FIRST_SLOTS, np.uint8)
        self._widest = 1  # words of the longest key so far
        self._escaped = False

    # --- as a mapping ---------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of keys."""
        return self._n

    def __iter__(self) -> Iterator[bytes]:
        """Every key, by row number."""
        return iter(self.keys_of(self.live(0, self.n_rows)))

    def __getitem__(self, key: bytes) -> int:
        """Row of a key."""
        row = int(self.find([key])[0])
        if row < 0:
            raise KeyError(key)
        return row

    def live(self, start: int, stop: int) -> Ints:
        """Row numbers in [start, stop) that have a key."""
        return np.flatnonzero(self._length[start : min(stop, self.n_rows)]) + start

    def keys_of(self, rows: Ints) -> list[bytes]:
        """Keys of rows that have one."""
        if not len(rows):
            return []
        length, place = self._length[rows], self._place[rows]
        words = np.stack([self._word(place, length, k) for k in range(int(length.max()))], axis=1)
        keys: list[bytes] = words.view(f"S{8 * words.shape[1]}")[:, 0].tolist()
        return [_unescaped(key) for key in keys] if self._escaped else keys

    # --- lookup ---------------------------------------------------------------------------------------------

    def find(self, keys: Sequence[bytes]) -> Ints:
        """Row of each key, -1 if it has none; shape (len(keys),)."""
        words = self._packed(keys)
        return self._probe(words, self._hashed(words))

    def rows_of(self, keys: Sequence[bytes]) -> tuple[Ints, Ints]:
        """Row of each key, given to those that have none.

        Returns:
            (rows, fresh): (len(keys),) and the rows given now, in the order of their keys.

        Raises:
            StateError: a key of more than 2,040 bytes.
        """
        words = self._packed(keys)
        hashes = self._hashed(words)
        rows = self._probe(words, hashes)
        missing = np.flatnonzero(rows < 0)
        if not len(missing):
            return rows, missing
        names = keys if len(missing) == len(keys) else [keys[i] for i in missing.tolist()]
        first = dict.fromkeys(names)
        chosen = missing
        if len(first) < len(names):  # some are named more than once
            places = dict(zip(reversed(names), reversed(missing.tolist()), strict=True))
            chosen = np.array([places[key] for key in first], np.int64)
        fresh = self._given(words[chosen])
        self._enter((hashes[chosen] << HALF) | (fresh + 1).view(np.uint64))
        if len(fresh) == len(missing):
            rows[missing] = fresh
        else:
            row_of = dict(zip(first, fresh.tolist(), strict=True))
            rows[missing] = [row_of[key] for key in names]
        return rows, fresh

    def remove(self, key: bytes) -> int | None:
        """Forget a key; the row it had, or None."""
        row = self.get(key)
        if row is None:
            return None
        at = int(self._home(self._hashed(self._packed([key])))[0])
        while int(self._slots[at] & LOW) != row + 1:
            at += 1
        self._slots[at] &= ~LOW  # used, but of nobody: who searches goes on
        self._free.append((row, int(self._length[row])))
        self._length[row] = 0
        self._n -= 1
        return row

    # --- inside ---------------------------------------------------------------------------------------------

    def _packed(self, keys: Sequence[bytes]) -> Words:
        """Keys as words, padded with zeros; shape (n, words of the longest)."""
        joined = b"".join(keys)
        if b"\0" in joined or b"\xfe" in joined or not all(keys):
            keys = [_escaped(key) for key in keys]
            self._escaped = True
        # One word more than ever needed shows a key that is longer than any before; NumPy would cut it.
        words = _words(keys, self._widest + 1)
        if not words[:, -1].any():
            width = self._widest
            while width > 1 and not words[:, width - 1].any():
                width -= 1
            return words[:, :width]
        widest = -(-max(map(len, keys)) // 8)
        if widest > MAX_WORDS:
            raise StateError(
                f"a key of the state has {max(map(len, keys))} bytes, at most {8 * MAX_WORDS} are known",
                hint="the changelog holds foreign rows",
            )
        self._widest = widest
        return _words(keys, widest)

    def _hashed(self, words: Words) -> Words:
        """32-bit hash of each key, never 0, the same at any width; shape (n,)."""
        mixed = np.full(len(words), SEED)
        for column in words.T:
            further = _mix(mixed ^ column)
            mixed = further if column.all() else np.where(column == 0, mixed, further)
        return np.maximum((mixed * FACTORS[1]) >> HALF, np.uint64(1))

    def _home(self, hashes: Words) -> Ints:
        """Where the search for each hash begins; grows with the hash."""
        return ((hashes * np.uint64(self._n_homes)) >> HALF).view(np.int64)

    def _probe(self, words: Words, hashes: Words) -> Ints:
        rows = np.full(len(words), -1, np.int64)
        at = self._home(hashes)
        left = np.arange(len(words))
        slots = self._slots[at]
        while True:
            hit = np.flatnonzero((slots >> HALF) == hashes)  # never an empty slot: no hash is 0
            on = slots != 0
            if len(hit):
                owner = (slots[hit] & LOW).view(np.int64) - 1
                true = self._holds(owner, words[left[hit]])
                rows[left[hit[true]]] = owner[true]
                on[hit[true]] = False
            left, hashes, at = left[on], hashes[on], at[on] + 1
            if not len(left):
                return rows
            at, slots = self._next(at, hashes)

    def _next(self, at: Ints, hashes: Words) -> tuple[Ints, Words]:
        """Where each search goes on: at a slot with its hash, an empty one, or the end of what was seen."""
        seen = np.minimum(at[:, None] + WINDOW, len(self._slots) - 1)
        slots = self._slots[seen]
        ends = (slots == 0) | ((slots >> HALF) == hashes[:, None])
        ends[:, -1] = True
        chosen = (np.arange(len(at)), ends.argmax(axis=1))
        return seen[chosen], slots[chosen]

    def _holds(self, rows: Ints, words: Words) -> NDArray[np.bool_]:
        """Mask of rows, -1 is none, that have exactly these keys."""
        length, place = self._length[rows], self._place[rows]
        same = (rows >= 0) & (length <= words.shape[1])
        for k, column in enumerate(words.T):
            same &= self._word(place, length, k) == column
        return same

    def _word(self, place: Places, length: Lengths, k: int) -> Words:
        """The k-th word of keys, 0 behind a shorter one."""
        # `_words` has spare words at its end, so that a last short key is not read past it.
        return np.where(k < length, self._words[place + np.uint32(k)], 0)

    def _given(self, words: Words) -> Ints:
        """Rows for new keys, freed ones first; their words are stored."""
        length = (words != 0).sum(axis=1)
        n_old = min(len(self._free), len(words))
        old = [self._free.pop() for _ in range(n_old)]
        new = np.arange(self.n_rows, self.n_rows + len(words) - n_old)
        fresh = np.concatenate([np.array([row for row, _ in old], np.int64), new])
        self.n_rows += len(new)
        self._n += len(words)
        self._reserve(int(length.sum()))
        self._length[fresh] = length
        # A freed row keeps its place if the new key fits; places are never given back, so keys that come and
        # go must not each take one.
        fits = np.zeros(len(words), np.bool_)
        fits[:n_old] = length[:n_old] <= np.array([room for _, room in old], np.int64)
        for i in np.flatnonzero(fits).tolist():
            at = int(self._place[fresh[i]])
            self._words[at : at + length[i]] = words[i, : length[i]]
        rest, size = words[~fits], length[~fits]
        self._place[fresh[~fits]] = self._n_words + np.cumsum(size) - size
        total = int(size.sum())
        self._words[self._n_words : self._n_words + total] = rest[rest != 0]
        self._n_words += total
        return fresh

    def _reserve(self, n_words: int) -> None:
        """Room for all rows and for so many more words."""
        if self.n_rows > len(self._length):
            n_rows = grown(self.n_rows)
            extend(self, "_length", n_rows)
            extend(self, "_place", n_rows)
        if self._n_words + n_words + MAX_WORDS > len(self._words):
            extend(self, "_words", grown(self._n_words + n_words) + MAX_WORDS)

    def _enter(self, entries: Words) -> None:
        """Put new entries into free slots."""
        if self._n_used + len(entries) > MAX_LOAD * self._n_homes:
            self._rebuild(int((self._n + len(entries)) / MAX_LOAD * GROWTH))
        self._n_used += len(entries)
        at = self._home(entries >> HALF)
        while len(entries):
            if int(at.max()) >= len(self._slots) - 1:  # ran over the end
                self._rebuild(self._n_homes, spare=SPARE_SLOTS + len(entries))
                self._n_used += len(entries)
                at = self._home(entries >> HALF)
            free = self._slots[at] == 0
            self._slots[at[free]] = entries[free]
            left = self._slots[at] != entries  # of several that wanted one slot the last has it
            entries, at = entries[left], at[left] + 1

    def _rebuild(self, n_homes: int, spare: int = SPARE_SLOTS) -> None:
        """Lay all entries out anew. Homes grow with the hash, so sorted entries only ever move up."""
        entries = np.sort(self._slots[(self._slots & LOW) != 0])
        self._n_homes = max(n_homes, FIRST_SLOTS)
        order = np.arange(len(entries))
        at = np.maximum.accumulate(self._home(entries >> HALF) - order) + order
        end = max(self._n_homes, int(at[-1]) + 1 if len(at) else 0)
        self._slots = np.zeros(end + spare, np.uint64)
        self._slots[at] = entries
        self._n_used = len(entries)


def _words(keys: Sequence[bytes], width: int) -> Words:
    return np.array(keys, f"S{8 * width}").view(np.uint64).reshape(len(keys), width)


def _mix(mixed: Words) -> Words:
    mixed = mixed * FACTORS[0]
    return mixed ^ (mixed >> HALF)


def _escaped(key: bytes) -> bytes:
    """The key without zero bytes, for they are padding; 0xfe is no part of any UTF-8 text."""
    return key.replace(b"\xfe", b"\xfe\2").replace(b"\0", b"\xfe\1") or b"\xfe\3"


def _unescaped(key: bytes) -> bytes:
    return key.replace(b"\xfe\3", b"").replace(b"\xfe\1", b"\0").replace(b"\xfe\2", b"\xfe")
