"""One import, from texts to what came of it."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.codec import decode_interaction
from stream.offline.importing.account import Account
from stream.offline.importing.mapping import Condition
from stream.offline.importing.mapping_file import parse
from stream.offline.importing.run import Job, import_files

PURCHASE = """
[[event]]
type = "purchase"
[event.fields]
event_id = "{id}"
customer_id = "{who}"
occurred_at = "{when}"
amount = "{money}"
currency = "EUR"
"""
GOOD = "id,who,when,money\n1,anna,2026-01-02,10\n"


class Imported(NamedTuple):
    events: list[Any]
    rejects: list[dict[str, Any]]
    account: Account
    out: bytes

    @property
    def causes(self) -> list[tuple[int, str]]:
        return [(entry["line"], entry["cause"]) for entry in self.rejects]


def imported(
    tmp_path: Path, files: dict[str, str | bytes], mapping: str, only: tuple[Condition, ...] = ()
) -> Imported:
    paths = []
    for name, text in files.items():
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        paths.append(path)
    out, rejects = io.BytesIO(), io.BytesIO()
    job = Job(paths, parse(mapping, "map.toml"), mapping, "map.toml", only)
    account = import_files(job, out, rejects, tmp_path)
    lines = out.getvalue().splitlines()
    # Read again as senders' lines are: what is written must be what replay and workers take.
    return Imported(
        [decode_interaction(line) for line in lines],
        [orjson.loads(line) for line in rejects.getvalue().splitlines()],
        account,
        out.getvalue(),
    )


def one(tmp_path: Path, csv: str | bytes, mapping: str = PURCHASE) -> Imported:
    return imported(tmp_path, {"rows.csv": csv}, mapping)
