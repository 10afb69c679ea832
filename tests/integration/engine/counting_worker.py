"""The worker's process around the counting pipeline; settings by environment, as for `kizuna worker`."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from stream.bootstrap import run_worker
from stream.config import load
from stream.errors import KizunaError
from tests.integration.engine.counting import CountingPipeline

if __name__ == "__main__":
    try:
        code = run_worker(load(), CountingPipeline(os.environ.get("COUNTING_STATISTICS", "counting")))
    except KizunaError as error:
        sys.stderr.write(f"error: {error}\nnext: {error.hint}\n")
        code = error.exit_code
    sys.exit(code)
