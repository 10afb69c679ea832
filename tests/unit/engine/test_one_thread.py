"""Products of matrices stay in the thread that asks for them; seen in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TASKS = Path("/proc/self/task")

A_PRODUCT = """
from pathlib import Path

import numpy as np

table = np.ones((2_000, 200))
table @ table.T
print(len(list(Path("/proc/self/task").iterdir())))
"""


def threads(first: str) -> int:
    """Of a new process that multiplies; with numpy's own settings, whatever those of the tests are."""
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", first + A_PRODUCT], env=own, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not TASKS.exists(), reason="threads of a process cannot be counted here: no /proc")
def test_a_product_starts_no_thread_beside_the_event_loop() -> None:
    """NumPy alone starts one per core, which spins between two products on a core that others need."""
    if threads(first="") == 1:
        pytest.skip("numpy multiplies in one thread here anyway: one core, or a BLAS without threads")
    assert threads(first="import stream") == 1
