"""Files that exist whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stream.errors import DataError

__all__ = ["whole"]


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place and move it there when the block ends; leave nothing when it fails.

    What was at `path` before stays until then.

    Raises:
        DataError: its directory does not exist.
    """
    if not path.parent.is_dir():
        raise DataError(f"there is no directory {path.parent}", hint="make it, or write elsewhere")
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
