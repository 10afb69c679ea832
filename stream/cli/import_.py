"""`kizuna import`: files that others wrote, to interactions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import shown
from stream.clock import now_ms
from stream.errors import ConfigError, DataError
from stream.offline.importing import mapping_file as mappings
from stream.offline.importing.account import Account
from stream.offline.importing.mapping import Condition
from stream.offline.importing.run import Job, import_files
from stream.offline.whole import whole

__all__ = ["import_"]

DAY_MS = 86_400_000


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV or columns of text, compressed with gzip or not.")],
    mapping: Annotated[
        str, typer.Option(help=f"A TOML file, or a shipped mapping: {', '.join(mappings.shipped())}.")
    ],
    out: Annotated[Path, typer.Option(help="Interactions to write, one per line, by time.")],
    rejects: Annotated[
        Path | None, typer.Option(help="Refused rows with their cause.", show_default="OUT.rejects.jsonl")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE: leave out all rows with another value there.")
    ] = None,
    json: Json = False,
) -> None:
    """Make interactions of the rows of files, as a mapping says.

    Every row is used, left out by a condition of the mapping, or refused and written down with its line and
    cause. The same files and mapping give the same bytes.

    Example: kizuna import CDNOW_master.txt --mapping cdnow --out events.jsonl
    """
    ready, text, source = mappings.load(mapping)
    job = Job(files, ready, text, source, [_condition(each) for each in where or ()])
    refused_file = rejects or out.with_name(out.name + ".rejects.jsonl")
    account, nothing = Account(), None
    with output.progress() as report, whole(refused_file) as beside:

        def tell(step: str, done: int, share: float) -> None:
            report(step, done, 0, f"{share:.0%}")

        try:
            with whole(out) as file:
                account = import_files(job, file, beside, out.parent, tell)
                if not account.n_events:
                    raise _nothing(account, refused_file)
        except _NothingError as error:  # the refused rows say why: keep them
            nothing = error
    if not account.causes:
        refused_file.unlink()
    if nothing is not None:
        raise nothing
    _tell(account, out, refused_file, json=json)


class _NothingError(DataError):
    """No row became an event."""


def _nothing(account: Account, refused_file: Path) -> _NothingError:
    if account.first:
        return _NothingError(
            f"none of {account.n_rows:,} rows became an event: {_shown(account.first[0])}",
            hint=f"all of them are in {refused_file}, with their causes",
        )
    return _NothingError(
        f"none of {account.n_rows:,} rows became an event: the mapping's conditions leave out all of them",
        hint="compare `where` in the mapping, and --where, with the files",
    )


def _condition(text: str) -> Condition:
    column, equal, value = text.partition("=")
    if not equal or not column.strip():
        raise ConfigError(f"--where {text!r} is not COLUMN=VALUE", hint="for example --where country=BR")
    return Condition(column=column.strip(), equals=value.strip())


def _warnings(account: Account) -> list[str]:
    warnings = []
    if account.n_several_currencies:
        warnings.append(
            f"{account.n_several_currencies:,} customers have amounts in several currencies; "
            "they are added up as they are"
        )
    if account.last_ms is not None and account.last_ms > now_ms() + DAY_MS:
        warnings.append(
            f"the last event is at {shown(account.last_ms)}, in the future: replay and workers refuse such "
            "events; check format and zone of times"
        )
    return warnings


def _tell(account: Account, out: Path, refused_file: Path, *, json: bool) -> None:
    warnings = _warnings(account)
    for warning in warnings:
        output.note(f"warning: {warning}")
    if json:
        output.json_line(
            {
                "rows": account.n_rows,
                "rows_used": account.n_used,
                "rows_filtered": account.n_unwanted,
                "rows_rejected": account.n_refused,
                "events": account.n_events,
                "types": dict(sorted(account.types.items())),
                "rejected": dict(sorted(account.causes.items())),
                "first": None if account.first_ms is None else shown(account.first_ms),
                "last": None if account.last_ms is None else shown(account.last_ms),
                "warnings": warnings,
                "out": str(out),
                "rejects": str(refused_file) if account.causes else None,
            }
        )
        return
    output.say(
        f"{account.n_rows:,} rows: {account.n_used:,} used, {account.n_unwanted:,} left out by the mapping, "
        f"{account.n_refused:,} rejected"
    )
    types = ", ".join(f"{n:,} {name}" for name, n in sorted(account.types.items()))
    output.say(f"{account.n_events:,} events: {types}")
    if account.first_ms is not None and account.last_ms is not None:
        output.say(f"  from   {shown(account.first_ms)} to {shown(account.last_ms)}")
    output.say(f"  events {out}")
    if account.causes:
        causes = ", ".join(f"{n:,} {cause}" for cause, n in account.causes.most_common())
        output.say(f"  rejected: {causes}; {refused_file}")
        for entry in account.first:
            output.say(f"    {_shown(entry)}")
    output.say(f"  next   kizuna replay {out} --out scores.jsonl")


def _shown(entry: dict[str, Any]) -> str:
    rule = "" if entry["event"] is None else f" (event {entry['event']})"
    return f"{entry['file']} line {entry['line']}{rule}: {entry['cause']}, {entry['detail']}"
