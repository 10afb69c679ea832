"""Write the JSON Schema of each contract from its struct: `python -m schemas.generate`.

With `--check` nothing is written; exit code 1 names the files that are stale.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Sequence

import msgspec

from schemas.registry import CONTRACTS, Contract

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(contract: Contract) -> str:
    """The JSON Schema of one contract as the text of its file, the same on every version of Python."""
    head = {
        "$schema": DIALECT,
        "$id": f"urn:kizuna:{contract.name}:v{contract.version}",
        "title": contract.name,
    }
    schema = _dedented({**head, **msgspec.json.schema(contract.type)})
    return json.dumps(schema, indent=2) + "\n"


def _dedented(node: object) -> object:
    """Descriptions without the indentation of their docstrings, which Python 3.13 drops by itself."""
    if isinstance(node, dict):
        return {
            name: inspect.cleandoc(part)
            if name == "description" and isinstance(part, str)
            else _dedented(part)
            for name, part in node.items()
        }
    return [_dedented(part) for part in node] if isinstance(node, list) else node


def stale() -> list[Contract]:
    """Contracts whose committed file is not what the code says."""
    return [
        contract
        for contract in CONTRACTS.values()
        if not contract.schema_file.exists()
        or contract.schema_file.read_text(encoding="utf-8") != render(contract)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check every schema file; the exit code of the command."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    check = parser.parse_args(arguments).check
    outdated = stale()
    for contract in outdated:
        if not check:
            contract.schema_file.write_text(render(contract), encoding="utf-8")
        sys.stdout.write(f"{'stale' if check else 'wrote'}: {contract.schema_file.name}\n")
    if check and outdated:
        sys.stdout.write("Run `python -m schemas.generate` and commit what it writes.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
