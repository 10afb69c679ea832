"""The repository as the house laws see it: its files, its rooms, its declared layers."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or may become part of the project: what git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted({path for path in paths if path.is_file()}))


def python(*tops: str) -> Iterator[Path]:
    """Python files below the given top-level directories."""
    return (path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in tops)


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text, with its content."""
    for path in files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def rooms() -> set[str]:
    """Names directly below `stream` that import-linter calls modules: packages and single files."""
    parts = [path.relative_to(ROOT / "stream").parts for path in python("stream")]
    packages = {first for first, *rest in parts if rest}
    single = {first.removesuffix(".py") for first, *rest in parts if not rest}
    return packages | (single - {"__init__"})


def layers() -> list[str]:
    """The names in the layers contract for `stream`, topmost first, brackets kept."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    declared = next(contract for contract in contracts if contract.get("exhaustive"))
    return [name.strip() for layer in declared["layers"] for name in layer.split("|")]


@cache
def pyproject() -> dict[str, Any]:
    """pyproject.toml as it parses."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def claims_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The test functions and methods of one file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node
