"""The shipped worker with a clock that can be wrong: `FAULT_CLOCK_FILE` holds by how many milliseconds.

Only the wall clock is shifted, as `date --set` shifts it on a server; monotonic time goes on.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from stream import clock

CLOCK_FILE = "FAULT_CLOCK_FILE"


def shifted(file: Path, true_ms: clock.Clock) -> clock.Clock:
    """A clock that is wrong by what the file says now."""

    def now_ms() -> int:
        return true_ms() + int(file.read_text(encoding="utf-8"))

    return now_ms


if __name__ == "__main__":
    # Before anything imports the name: there is one place that reads the wall clock, and this is it.
    clock.now_ms = shifted(Path(os.environ[CLOCK_FILE]), clock.now_ms)
    from stream.bootstrap import run_worker
    from stream.config import load
    from stream.errors import KizunaError

    try:
        code = run_worker(load())
    except KizunaError as error:
        sys.stderr.write(f"error: {error}\nnext: {error.hint}\n")
        code = error.exit_code
    sys.exit(code)
