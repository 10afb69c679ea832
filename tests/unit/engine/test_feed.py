"""A key goes where any other Kafka client would send it."""

import pytest

from stream.engine.feed import partition_of

# From `UtilsTest.testMurmur2` of Apache Kafka's clients.
KAFKAS_HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", KAFKAS_HASHES)
def test_partitions_are_those_of_kafkas_default_partitioner(key: bytes) -> None:
    """murmur2, sign bit cleared, modulo; the hashes are Kafka's own test values."""
    for n_partitions in (1, 4, 7, 32):
        assert partition_of(key, n_partitions) == (KAFKAS_HASHES[key] & 0x7FFFFFFF) % n_partitions
