"""What is freed between things still in use is given back; seen in a process of its own."""

import ctypes
import subprocess
import sys

import pytest

FREED_BETWEEN_OTHERS = """
from pathlib import Path
from stream.engine.memory import give_back

def resident_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

kept, dropped = [], []
for _ in range(2_000):
    dropped.append([bytes(1_000) for _ in range(50)])
    kept.append(bytes(1_000))
filled = resident_kb()
dropped.clear()
freed = resident_kb()
assert give_back()
print(filled, freed, resident_kb())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is no GNU one")
def test_memory_freed_between_what_is_kept_goes_back() -> None:
    """100 MB are freed in pieces; without the call the system would not see most of them again."""
    done = subprocess.run(
        [sys.executable, "-c", FREED_BETWEEN_OTHERS], capture_output=True, text=True, check=True
    )
    filled, freed, given = map(int, done.stdout.split())
    assert freed > filled - 20_000, "nothing to show: it went back by itself"
    assert given < filled - 60_000
