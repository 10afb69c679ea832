"""Files as rows: CSV in its dialects, plain columns, compressed or not. One pass, one row at a time."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

from stream.errors import ConfigError, DataError
from stream.offline.importing.mapping import EMPTY, Condition, Mapping, Source
from stream.offline.importing.row import Refused, Row

__all__ = ["Bad", "File", "Form", "assign", "rows"]

T = TypeVar("T")

GZIP = b"\x1f\x8b"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Form(NamedTuple):
    """How a file is written; `Source` with nothing left open. An encoding of "" is found out."""

    delimiter: str
    quote: str
    encoding: str
    header: bool
    columns: Sequence[str] | None
    rename: dict[str, str]
    skip: int
    empty: frozenset[str]
    key: str | None
    where: Sequence[Condition]


class File(NamedTuple):
    """A file, and the entry of `[files]` that it belongs to ("" if the mapping has none)."""

    path: Path
    source: str
    form: Form


class Bad(NamedTuple):
    """A row that is none: where it stood, its text as far as it was read, and why."""

    line: int
    cells: list[str]
    why: Refused


def assign(paths: Sequence[Path], mapping: Mapping) -> list[File]:
    """Each file with its entry of the mapping, in the order of the entries, then of the names given.

    Raises:
        ConfigError: a file matches no entry, or an entry has no file.
    """
    if not mapping.files:
        return [File(path, "", _form(mapping.csv, mapping.csv)) for path in paths]
    found: dict[str, list[Path]] = {name: [] for name in mapping.files}
    for path in paths:
        names = [name for name, source in mapping.files.items() if _matches(path, name, source)]
        if not names:
            patterns = ", ".join(source.match or f"*{name}*" for name, source in mapping.files.items())
            raise ConfigError(
                f"{path.name} is none of the files that the mapping speaks of ({patterns})",
                hint="leave it out, or give it an entry in [files]",
            )
        found[names[0]].append(path)
    for name, there in found.items():
        wanted = mapping.files[name].match or f"*{name}*"
        if not there and _needed(name, mapping):
            raise ConfigError(
                f"the mapping needs a file like {wanted}, and none was given",
                hint=f"give it with the others: {', '.join(path.name for path in paths)}",
            )
    return [
        File(path, name, _form(mapping.files[name], mapping.csv))
        for name, there in found.items()
        for path in there
    ]


def _needed(name: str, mapping: Mapping) -> bool:
    """Rules that name several sources are content with one of them."""
    return any(rule.sources == [name] for rule in mapping.event) or mapping.files[name].key is not None


def _matches(path: Path, name: str, source: Source) -> bool:
    return fnmatch(path.name.lower(), (source.match or f"*{name}*").lower())


def _form(source: Source, default: Source) -> Form:
    return Form(
        delimiter=_either(source.delimiter, default.delimiter, ","),
        quote=_either(source.quote, default.quote, '"'),
        encoding=_either(source.encoding, default.encoding, ""),
        header=_either(source.header, default.header, True),
        columns=source.columns if source.columns is not None else default.columns,
        rename=_either(source.rename, default.rename, {}),
        skip=_either(source.skip, default.skip, 0),
        empty=frozenset(_either(source.empty, default.empty, list(EMPTY))),
        key=source.key if source.key is not None else default.key,
        where=source.where or default.where,
    )


def _either(mine: T | None, common: T | None, otherwise: T) -> T:
    return mine if mine is not None else common if common is not None else otherwise


@contextmanager
def rows(
    file: File, on_share: Callable[[float], None] = lambda _share: None
) -> Iterator[tuple[list[str], Iterator[Row | Bad]]]:
    """Open a file: its columns, and its rows as they stream by.

    Args:
        file: what to read, and how.
        on_share: told what share of the file is read, now and then.

    Raises:
        DataError: it cannot be read, is empty, or its columns cannot be named.
    """
    form = file.form
    with ExitStack() as stack:
        with _faults(file):
            raw = stack.enter_context(file.path.open("rb"))
            size = max(1, file.path.stat().st_size)
            _check(raw.peek(4)[:4], file.path)
            packed = raw.peek(2)[:2] == GZIP
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw
            text = io.TextIOWrapper(
                unpacked, encoding=_encoding(unpacked, form), errors="replace", newline=""
            )
            stack.enter_context(text)
            for _ in range(form.skip):
                text.readline()
            found = _split(text, form, form.skip)
            columns, first = _columns(file, found)
        yield columns, _guarded(file, _rows(first, found, columns, lambda: on_share(raw.tell() / size)))


def _guarded(file: File, found: Iterator[Row | Bad]) -> Iterator[Row | Bad]:
    """The rows; what goes wrong in reading them is said of the file, what goes wrong elsewhere is not."""
    with _faults(file):
        yield from found


@contextmanager
def _faults(file: File) -> Iterator[None]:
    path = file.path
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged: {error}", hint="fetch or compress it again") from error
    except UnicodeError as error:
        raise DataError(
            f"{path} is not {file.form.encoding or 'UTF-8'} text: {error}", hint="give its encoding in [csv]"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint="check the path") from error


def _check(head: bytes, path: Path) -> None:
    for mark, what, way in (
        (b"PK\x03\x04", "an Excel or ZIP file", "save the sheet as CSV, or unpack it"),
        (b"PAR1", "a Parquet file", "write it as CSV"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file", "save the sheet as CSV"),
    ):
        if head == mark:
            raise DataError(f"{path} is {what}, not text", hint=way)


def _encoding(file: "gzip.GzipFile | io.BufferedReader", form: Form) -> str:
    if form.encoding:
        return form.encoding
    return "utf-16" if file.peek(2)[:2] in UTF_16 else "utf-8-sig"


Piece = tuple[int, list[str] | Refused]
"""The line on which a row begins, and its cells or what is wrong with it."""


def _split(text: TextIO, form: Form, skipped: int) -> Iterator[Piece]:
    if form.delimiter == "whitespace":
        for number, words in enumerate(text, start=skipped + 1):
            yield number, words.split()
        return
    reader = csv.reader(
        text,
        delimiter=form.delimiter,
        quotechar=form.quote or None,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
    )
    while True:
        line = skipped + reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            more = "; a quote is not closed?" if "limit" in str(error) else ""
            yield line, Refused("bad_csv", f"{error}{more}")


def _columns(file: File, found: Iterator[Piece]) -> tuple[list[str], list[Piece]]:
    """Names of the columns, and rows that were read to find them."""
    path, form = file.path, file.form
    line, first = next(((at, cells) for at, cells in found if cells), (0, None))
    if first is None:
        raise DataError(f"{path} is empty", hint="give a file with a header and rows")
    if isinstance(first, Refused):
        raise DataError(f"{path} line {line}: {first.detail}", hint="check `delimiter` and `quote` in [csv]")
    header = [form.rename.get(name.strip(), name.strip()) for name in first]
    named = header if form.columns is None else list(form.columns)
    if form.columns is None and not form.header:
        raise ConfigError(
            f"nobody names the columns of {path.name}", hint="give `columns` or `header = true`"
        )
    if len(named) != len(first):
        raise DataError(
            f"{path} line {line} has {len(first)} fields, the mapping names {len(named)} columns",
            hint="compare `columns` and `delimiter` in the mapping with the file",
        )
    twice = sorted({name for name in named if named.count(name) > 1 and name})
    if twice:
        raise DataError(
            f"{path} has several columns called {twice[0]!r}", hint="give `columns` in the mapping"
        )
    return named, [] if form.header else [(line, first)]


def _rows(
    first: list[Piece], found: Iterator[Piece], columns: Sequence[str], tell: Callable[[], None]
) -> Iterator[Row | Bad]:
    number = 0
    for source in (first, found):
        for line, cells in source:
            if isinstance(cells, Refused):
                number += 1
                yield Bad(line, [], cells)
                continue
            if not cells:
                continue  # a blank line is no row
            number += 1
            if number % 5_000 == 0:
                tell()
            if len(cells) != len(columns):
                yield Bad(line, cells, Refused("ragged", f"{len(cells)} fields, not {len(columns)}"))
            else:
                yield Row(cells, line, number)
