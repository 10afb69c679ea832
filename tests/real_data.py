"""Data that tests may use and the project may not hold: looked for beside the checkout."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def real_data(name: str) -> Path:
    """The folder of a data set, or a skip that says what is missing.

    `KIZUNA_SHARED_DATA` names the folder that holds the data sets; without it each directory above the
    checkout is asked for `shared/data`.
    """
    named = os.environ.get("KIZUNA_SHARED_DATA")
    places = [Path(named)] if named else [above / "shared" / "data" for above in ROOT.parents]
    for place in places:
        if (place / name).is_dir():
            return place / name
    pytest.skip(f"the data set {name!r} is not here, nor part of the project; see KIZUNA_SHARED_DATA")
