"""The real command, run as a shell runs it: exit codes, and who reads which stream."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from stream.cli.main import COMMANDS, Command
from stream.local.filelock import exclusive

ROOT = Path(__file__).resolve().parents[3]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}
ENVIRONMENT = CLEAN | {"PYTHONPATH": str(ROOT)}
HEAVY = {"faust", "aiokafka", "numpy", "scipy", "pydantic", "jgo", "requests", "msgspec"}


def kizuna(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        cwd=cwd,
        env=ENVIRONMENT | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("kafka", "status"), 0),
        (("kafka", "stop"), 0),
        (("topics", "check", "--bootstrap", "127.0.0.1:1"), 1),
        ((), 2),
        (("kafka",), 2),
        (("no-such-command",), 2),
        (("kafka", "start", "--no-such-flag"), 2),
        (("kafka", "start", "--port", "x"), 2),
        (("kafka", "start", "--port", "80"), 2),
        (("kafka", "start", "--heap", "much"), 2),
        (("topics", "check", "--bootstrap", "nonsense"), 2),
        (("worker", "--data-dir", "elsewhere"), 1),
        (("worker", "--log-level", "loud"), 2),
        (("notify", "--sink", "crm"), 2),
    ],
)
def test_exit_code_says_what_happened(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """0 done, 1 the job failed, 2 wrong use or configuration; an error has a sentence and a next step."""
    done = kizuna(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code and arguments:
        error, step = done.stderr.splitlines()[-2:]
        assert error.startswith("error: ")
        assert step.startswith("next: ")
        assert done.stdout == ""


def test_refused_download_fails_the_job(tmp_path: Path) -> None:
    """A repository that cannot be reached: exit code 1, address and next step, no traceback, nothing left."""
    done = kizuna("kafka", "start", "--maven-repository", "http://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert "could not be downloaded from http://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / ".kizuna").rglob("*") if path.is_file()} == {"lock", "in-use"}


@pytest.mark.parametrize("time", ["2100-01-01", "9999-12-31"])
def test_replay_to_a_time_beyond_all_events_is_wrong_use(tmp_path: Path, time: str) -> None:
    """It ends at once with a sentence, and leaves no file."""
    (tmp_path / "events.jsonl").write_text("")
    done = kizuna("replay", "events.jsonl", "--out", "scores.jsonl", "--as-of", time, cwd=tmp_path)
    assert done.returncode == 2
    assert "2100-01-01" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    """KIZUNA_DEBUG=1 adds the traceback before the same two lines."""
    done = kizuna("kafka", "start", "--port", "80", cwd=tmp_path, KIZUNA_DEBUG="1")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("next: ")


def test_operating_system_error_is_a_sentence(tmp_path: Path) -> None:
    """A file where a directory is needed: what and where, exit code 1."""
    (tmp_path / "file").write_text("")
    done = kizuna("kafka", "start", "--data-dir", "file/below", cwd=tmp_path)
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_is_the_only_thing_on_stdout(tmp_path: Path) -> None:
    """With --json a script reads one object and nothing else."""
    done = kizuna("kafka", "status", "--json", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1
    status = json.loads(done.stdout)
    assert (status["running"], status["bootstrap"], status["kafka_version"]) == (False, None, "4.3.1")
    assert not (tmp_path / ".kizuna").exists()


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_command_cleans_up_and_says_so(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    """A signal while the command waits ends it with 128 + its number, without a traceback."""
    with exclusive(tmp_path / ".kizuna" / "kafka" / "lock"):
        command = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "stream", "kafka", "start"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert command.stderr is not None
            # About the last that is imported before the command waits for the lock.
            while line := command.stderr.readline():
                if "stream.local.broker" in line:
                    break
            command.send_signal(signum)
            complaint = command.communicate(timeout=30)[1]
        finally:
            command.kill()
    assert command.returncode == code
    assert "Traceback" not in complaint


def test_half_made_loop_is_no_traceback_other_faults_are(tmp_path: Path) -> None:
    """Ctrl-C inside the making of an event loop: quiet; what else fails in a finaliser is shown."""
    script = """
import asyncio, sys
from stream.cli import main
sys.argv = ["kizuna", "--version"]
try:
    main.main()
except SystemExit:
    pass

class Half(asyncio.SelectorEventLoop):
    def __init__(self):
        raise KeyboardInterrupt

class Other:
    def __del__(self):
        raise ValueError("seen")

try:
    Half()
except KeyboardInterrupt:
    print("interrupted")
Other()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "interrupted" in done.stdout
    assert "_signal_handlers" not in done.stderr
    assert "ValueError: seen" in done.stderr


def test_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`kizuna ... | head -0` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "stream", "kafka", "status", "--json"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_help_imports_no_room(tmp_path: Path) -> None:
    """`kizuna --help` stays fast because only the typed command is imported."""
    code = (
        "import sys; from stream.cli.main import run; run(['--help']); "
        f"sys.exit(' '.join({HEAVY!r} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == ""
    for command in COMMANDS:
        assert command.name in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_of_a_command_shows_how(tmp_path: Path, command: Command) -> None:
    """Every command's help, and every subcommand's, carries an example of itself."""
    loaded = command.load()
    names = [command.name]
    if isinstance(loaded, typer.Typer):
        rows = loaded.registered_commands
        typed = [row.name or row.callback.__name__ for row in rows if row.callback is not None]
        names += [f"{command.name} {name}" for name in typed]
    for name in names:
        done = kizuna(*name.split(), "--help", cwd=tmp_path)
        assert done.returncode == 0
        assert f"Example: kizuna {name}" in done.stdout


def test_every_command_has_its_file() -> None:
    """What the help lists is there, under its own name, once."""
    names = [command.module for command in COMMANDS]
    assert len(set(names)) == len(names)
    assert set(names) <= {path.stem for path in (ROOT / "stream" / "cli").glob("*.py")}
