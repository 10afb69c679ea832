"""The command line: the list of commands, and what their outcome means to a shell.

Exit codes: 0 done, 1 the job failed, 2 wrong use or configuration, 130 interrupted (128 + signal when ended).
"""

import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from keyword import iskeyword
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from stream import __version__
from stream.cli import output
from stream.errors import KizunaError

__all__ = ["COMMANDS", "Command", "main", "run"]

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130


@dataclass(frozen=True, slots=True)
class Command:
    """One line of `kizuna --help`.

    Attributes:
        name: as typed. Its module is `stream.cli.<name>` (`-` becomes `_`; a word of Python has `_` after it)
            and holds, under that same name, a function that typer can read, or a `typer.Typer` of
            subcommands.
        promise: what it does, one sentence.
    """

    name: str
    promise: str

    @property
    def module(self) -> str:
        """Name of the file, and of what it holds."""
        return self.name.replace("-", "_") + "_" * iskeyword(self.name)

    def load(self) -> Callable[..., Any] | typer.Typer:
        """Import the command's module; only the command that was typed pays for it."""
        name = self.module
        command: Callable[..., Any] | typer.Typer = getattr(import_module(f"stream.cli.{name}"), name)
        return command


COMMANDS = (
    Command("demo", "Watch real purchases become scores and alerts, on a Kafka of its own."),
    Command("kafka", "Start, stop and look at the local Kafka."),
    Command("topics", "Create and check the declared topics."),
    Command("worker", "Score interactions as they arrive."),
    Command("notify", "Tell people of alerts: Alertmanager, webhooks."),
    Command("import", "Make interactions of CSV files, as a mapping says."),
    Command("generate", "Write interactions of invented customers, and who of them left."),
    Command("send", "Send a file of interactions to Kafka."),
    Command("replay", "Score a file with the live code, without Kafka."),
    Command("alerts", "See the alerts that are open, and say what you do about one."),
    Command("override", "Show another band of a customer than the computed one, for a time."),
    Command("explain", "Say why a customer's scores are what they are."),
    Command("whatif", "Say what could be done about a customer, the smallest that is enough first."),
    Command("fit", "Fit the parameters of the churn risk to a file."),
    Command("model", "Check a parameter file."),
    Command("rules", "Check alert rules, and say how often they would have rung."),
    Command("backtest", "Tell how good the risk would have been, beside simpler models."),
    Command("rehearse", "Say how early and how rightly alerts would have come, where the truth is known."),
    Command("dissatisfaction", "Foresee low reviews, and say how well that went."),
)


def main() -> NoReturn:
    """What the shell calls: run `sys.argv` and exit."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # As an exception, so that every `finally` on the way out runs and nothing is left running.
        signal.signal(ending, _end)
    sys.unraisablehook = _unraisable
    sys.exit(run(sys.argv[1:]))


def _unraisable(about: "sys.UnraisableHookArgs") -> None:
    """A Ctrl-C while asyncio makes a loop leaves half of one, and its end fails: not worth a traceback."""
    if getattr(about.object, "__qualname__", "") != "BaseEventLoop.__del__":
        sys.__unraisablehook__(about)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are printed here and nowhere else."""
    typed = next((argument for argument in arguments if not argument.startswith("-")), None)
    options = _Options()
    try:
        app = _app(typed, options)
        code = app(list(arguments) or ["--help"], prog_name="kizuna", standalone_mode=False)
    except KeyboardInterrupt:
        output.complain("interrupted")
        return _INTERRUPTED
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        return _explain(error)
    if not arguments:
        return _WRONG_USE
    return code if isinstance(code, int) else 0


@dataclass(slots=True)
class _Options:
    debug: bool = False


def _app(typed: str | None, options: _Options) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=False)

    @app.callback()
    def root(
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
        ] = False,
        debug: Annotated[
            bool, typer.Option("--debug", envvar="KIZUNA_DEBUG", help="Show where an error came from.")
        ] = False,
    ) -> None:
        """Rolling trust and churn-risk scores, and alerts, from customer interactions on Kafka.

        Begin with: kizuna demo
        """
        options.debug = debug

    for command in COMMANDS:
        # The other commands are only names in the help: importing them would make every start slow.
        loaded = command.load() if command.name == typed else _not_loaded
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=command.name, help=f"{command.promise}\n\n{_example(loaded)}")
        elif command.name == typed:
            app.command(command.name, short_help=command.promise)(loaded)
        else:
            app.command(command.name, help=command.promise)(loaded)
    return app


def _example(group: typer.Typer) -> str:
    """The example of a group's first subcommand, for the help of the group."""
    first = group.registered_commands[0].callback
    lines = (line.strip() for line in (first.__doc__ or "").splitlines())
    return next(line for line in lines if line.startswith("Example: "))


def _not_loaded() -> None:
    raise AssertionError("only the typed command is loaded and run")


def _print_version(wanted: bool) -> None:
    if wanted:
        output.say(f"kizuna {__version__}")
        raise typer.Exit


def _explain(error: Exception) -> int:
    """Print an error in a person's words; return its exit code."""
    match error:
        case KizunaError():
            output.complain(str(error), error.hint)
            return error.exit_code
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "kizuna"
            output.complain(error.format_message(), f"{command} --help")
            return error.exit_code
        case typer.Abort():
            output.complain("interrupted")
            return _INTERRUPTED
        case BrokenPipeError():
            # Whoever read our output has seen enough. Python would complain again when it flushes at exit.
            output.silence()
            return _FAILED
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            output.complain(
                f"{error.strerror or error}{where}", "make it possible there, then run the same command"
            )
            return _FAILED
    output.complain(
        f"{type(error).__name__}: {error}",
        "this is a fault of kizuna: run again with KIZUNA_DEBUG=1 and report what it prints",
    )
    return _FAILED


def _end(signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)
