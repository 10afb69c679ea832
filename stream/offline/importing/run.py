"""An import from end to end: files and a mapping in; events, and every refused row with its cause, out."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from schemas.codec import encode
from schemas.interaction import Interaction
from stream.errors import ConfigError, DataError
from stream.offline.importing.account import Account, Currencies, Rejects
from stream.offline.importing.columns import Layout
from stream.offline.importing.conditions import Wants, wants
from stream.offline.importing.joins import Joined
from stream.offline.importing.mapping import Condition, Mapping
from stream.offline.importing.mapping_file import complaint
from stream.offline.importing.row import Refused, Row
from stream.offline.importing.rules import Group, Maker, make
from stream.offline.importing.source import Bad, File, assign, rows
from stream.offline.importing.spool import Made, Spool, identity
from stream.pipeline.times import to_ms

__all__ = ["Job", "import_files"]

DAMAGE = "\ufffd".encode()
TELL = 20_000

OnProgress = Callable[[str, int, float], None]
"""(what is done, how many so far, share done)."""


class Job(NamedTuple):
    """What to import, and how.

    Attributes:
        files: to be read.
        mapping: how.
        text: of the mapping, for the lines in errors.
        source: its name.
        only: further conditions, each on the rows of every file that has its column.
    """

    files: Sequence[Path]
    mapping: Mapping
    text: str
    source: str
    only: Sequence[Condition] = ()

    def complain(self, path: str, reason: str) -> ConfigError:
        """The error for one key of the mapping."""
        return complaint(self.text, self.source, path, reason)


def import_files(
    job: Job,
    out: BinaryIO,
    rejects: BinaryIO,
    scratch: Path,
    on_progress: OnProgress = lambda _step, _n, _share: None,
) -> Account:
    """Write the events of all files by time, and the rows that gave none: the same bytes for the same files.

    Args:
        job: what to import.
        out: receives interactions, one per line.
        rejects: receives refusals, one per line.
        scratch: directory for what does not fit in memory.
        on_progress: told how far it is.

    Raises:
        ConfigError: the mapping does not fit the files.
        DataError: a file cannot be read.
    """
    account = Account()
    with Spool(scratch) as spool:
        importer = _Importer(job, account, Rejects(rejects, account), spool, on_progress)
        importer.read()
        importer.write(out)
    return account


class _Source(NamedTuple):
    """One entry of `[files]`, ready to read: its columns, which rows exist, what is made of them."""

    columns: list[str]
    exists: Wants
    makers: list[Maker]
    joins: list[tuple[str, Joined, int]]  # name, file, place of its key in our own columns
    looked_into: bool


class _Importer:
    def __init__(
        self, job: Job, account: Account, rejects: Rejects, spool: Spool, on_progress: OnProgress
    ) -> None:
        self._job = job
        self._account = account
        self._rejects = rejects
        self._spool = spool
        self._tell = on_progress
        self._files = assign(job.files, job.mapping)
        self._currencies = Currencies()
        self._groups: dict[int, dict[str, Group]] = {}
        self._check_names()
        columns = _columns_of(self._files)
        self._joined = self._find_joined(columns)
        self._sources = {name: self._source(name, found) for name, found in columns.items()}
        self._check_only(columns)

    def _check_names(self) -> None:
        known = self._job.mapping.files
        for i, rule in enumerate(self._job.mapping.event):
            for name in rule.sources or ():
                if name not in known:
                    there = ", ".join(known) or "no entry"
                    raise self._job.complain(f".event[{i}].from", f"[files] has {there}, not {name!r}")

    def _check_only(self, columns: dict[str, list[str]]) -> None:
        every = sorted({column for found in columns.values() for column in found})
        for condition in self._job.only:
            if condition.column not in every:
                raise ConfigError(
                    f"no file has a column {condition.column!r}", hint=f"the columns are {', '.join(every)}"
                )

    def _find_joined(self, columns: dict[str, list[str]]) -> dict[str, Joined]:
        joined = {}
        for file in self._files:
            key, found = file.form.key, columns[file.source]
            if key is not None:
                if key not in found:
                    reason = f"{file.path.name} has no column {key!r}; it has {', '.join(found)}"
                    raise self._job.complain(f".files.{file.source}.key", reason)
                joined[file.source] = Joined(found, key)
        return joined

    def _source(self, name: str, columns: list[str]) -> _Source:
        job, form = self._job, next(file.form for file in self._files if file.source == name)
        others = {each: joined for each, joined in self._joined.items() if each != name}
        layout = Layout(columns, form.empty, others)
        makers = []
        for i, rule in enumerate(job.mapping.event):
            if rule.sources is None or name in rule.sources:
                maker = make(rule, i, layout, job.mapping, job.complain)
                maker.groups = self._groups.setdefault(i, maker.groups)
                makers.append(maker)
        only = [condition for condition in job.only if condition.column in columns]
        try:  # of its own columns alone: others look into these rows before they can look into others
            exists = wants([*form.where, *only], Layout(columns, form.empty), job.mapping)
        except ValueError as error:
            raise job.complain(f".files.{name}.where" if name else ".csv.where", str(error)) from error
        joins = []
        for each in sorted({join for maker in makers for join in maker.joins}):
            key = others[each].key
            if key not in columns:
                reason = f"rows of {name} find theirs in {each} by {key!r}, and have no such column"
                raise job.complain(f".files.{each}.key", reason)
            joins.append((each, others[each], columns.index(key)))
        return _Source(columns, exists, makers, joins, name in self._joined)

    def read(self) -> None:
        """Files that others look into first; then every file for what its rules make of it."""
        for file in self._files:
            if file.source in self._joined and self._joined[file.source].asked:
                with rows(file, self._teller(f"Looking into {file.path.name}")) as (_, found):
                    self._joined[file.source].add(found, self._sources[file.source].exists)
        for number, file in enumerate(self._files):
            with rows(file, self._teller(f"Reading {file.path.name}")) as (_, found):
                self._read(number, self._sources[file.source], found)
        for maker in {
            maker.index: maker for source in self._sources.values() for maker in source.makers
        }.values():
            for group in maker.groups.values():
                self._close(maker, group)

    def _teller(self, step: str) -> Callable[[float], None]:
        return lambda share: self._tell(step, self._account.n_rows, share)

    def _read(self, number: int, source: _Source, found: Iterator[Row | Bad]) -> None:
        account = self._account
        for row in found:
            account.n_rows += 1
            if isinstance(row, Bad):
                account.n_refused += 1
                self._refuse(number, row.line, None, row.why, row.cells)
                continue
            used, refused = self._make(number, row, source)
            if used:
                account.n_used += 1
            elif refused:
                account.n_refused += 1
            else:
                account.n_unwanted += 1

    def _make(self, number: int, row: Row, source: _Source) -> tuple[bool, bool]:
        """What a row gives: whether any event or part of one, and whether any rule refused it."""
        try:
            if not source.exists(row) or not _find(row, source.joins):
                return False, False
        except Refused as why:
            self._refuse(number, row.line, None, why, _cells(row, source))
            return False, True
        used, refused = source.looked_into and not source.makers, False
        for maker in source.makers:
            try:
                if maker.wanted(row):
                    if maker.key is not None:
                        maker.gather(row, number)
                        used = True
                    else:
                        for event in maker.events(row):
                            self._take(event, number, row.line, maker.index)
                            used = True
            except Refused as why:
                refused = True
                self._refuse(number, row.line, maker.index, why, _cells(row, source))
        return used, refused

    def _close(self, maker: Maker, group: Group) -> None:
        source = self._sources[self._files[group.at].source]
        try:
            self._take(maker.event_of(group), group.at, group.row.line, maker.index)
        except Refused as why:
            more = Refused(why.cause, f"{why.detail}, in a group of {group.n:,} rows that begins here")
            self._refuse(group.at, group.row.line, maker.index, more, _cells(group.row, source))

    def _take(self, event: Interaction, file: int, line: int, rule: int) -> None:
        encoded = encode(event)
        if DAMAGE in encoded:
            raise Refused(
                "bad_encoding", "holds bytes that are no text in this encoding; give `encoding` in [csv]"
            )
        currency = getattr(event, "currency", None)
        if currency is not None:
            self._currencies.see(event.customer_id, currency)
        same = identity(event.customer_id, event.event_id)
        self._spool.take(Made(to_ms(event.occurred_at), same, encoded, file, line, rule))

    def _refuse(
        self, file: int, line: int, rule: int | None, why: Refused, row: dict[str, str] | list[str]
    ) -> None:
        self._rejects.add(self._files[file].path.name, line, rule, why, row)

    def write(self, out: BinaryIO) -> None:
        """All events by time; one with the customer and id of an earlier one is refused."""
        account, n_made = self._account, len(self._spool)
        for number, (made, again) in enumerate(self._spool.give(), start=1):
            if number % TELL == 0:
                self._tell("Writing events", number, number / n_made)
            if again:
                why = Refused("duplicate_id", "the customer has an earlier event with this id")
                self._refuse(made.file, made.at, made.rule, why, [made.line.decode()])
                continue
            out.write(made.line + b"\n")
            account.n_events += 1
            account.types[self._job.mapping.event[made.rule].type] += 1
            if account.first_ms is None:
                account.first_ms = made.time_ms
            account.last_ms = made.time_ms
        account.n_several_currencies = len(self._currencies)


def _columns_of(files: Sequence[File]) -> dict[str, list[str]]:
    """Columns by entry of `[files]`; files of one entry must agree."""
    found: dict[str, list[str]] = {}
    for file in files:
        with rows(file) as (columns, _):
            if found.setdefault(file.source, columns) != columns:
                raise DataError(
                    f"{file.path.name} has other columns than the files before it: {', '.join(columns)}",
                    hint="give each kind of file an entry of its own in [files]",
                )
    return found


def _find(row: Row, joins: Sequence[tuple[str, Joined, int]]) -> bool:
    """Find the rows of other files; False if theirs are left out there by a condition."""
    for name, joined, at in joins:
        key = row.cells[at].strip()
        there = joined.rows.get(key)
        if there is None:
            if key in joined.left_out:
                return False
            continue
        row.joined[name] = there
        row.current[name] = there[0]
    return True


def _cells(row: Row, source: _Source) -> dict[str, str]:
    return dict(zip(source.columns, row.cells, strict=True))
