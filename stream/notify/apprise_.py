"""Apprise: mail, chat and 150 other services, for teams without Alertmanager. An optional extra.

Each service is a sink of its own, so that one that fails does not make the others be told twice. Apprise has
no idempotency key: after a crash between sending and noting it, a message may come a second time.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from schemas.alert import Severity
from stream.errors import ConfigError
from stream.notify.gate import Gate, Limits
from stream.notify.sink import Delivered, Notification, Outcome, Retry
from stream.texts.alerts import alert_lines, alert_title
from stream.texts.languages import Language

if TYPE_CHECKING:
    from apprise import Apprise

__all__ = ["AppriseSink", "message", "read_services"]

SEVERITIES: Final = frozenset(get_args(Severity))
LINE: Final = re.compile(
    r"(?:(?P<severities>[\w\s,]+)=\s*)?(?P<url>(?P<schema>[a-z0-9_.+-]+)://\S+)", re.IGNORECASE
)
TYPES: Final = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}
"""Severity -> Apprise's kind of message: its colour or symbol."""


class AppriseSink:
    """A sink: one service that Apprise knows, told in words.

    Args:
        name: stable and unique among the sinks.
        service: has exactly one service.
        severities: of which it is told; what is of another one counts as delivered.
        language: of the words.
        limits: how much it is asked.
        with_id: whether the customer's id is said; else the reference.
        monotonic: seconds of a clock that never goes back, for the limits.
    """

    def __init__(
        self,
        name: str,
        service: "Apprise",
        severities: frozenset[str],
        language: Language,
        limits: Limits | None = None,
        *,
        with_id: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._service, self._severities = name, service, severities
        self._language, self._with_id = language, with_id
        self._gate = Gate(name, limits or Limits(per_s=1.0, burst=20), monotonic)

    def __repr__(self) -> str:
        return f"AppriseSink({self._name!r})"

    @property
    def name(self) -> str:
        """Stable, unique among the configured sinks."""
        return self._name

    async def deliver(self, notifications: Sequence[Notification]) -> Sequence[Outcome]:
        """Try each once, in order, as far as limits and breaker let it."""
        due = [each for each in notifications if each.alert.severity in self._severities]
        outcomes = iter(await self._gate.pass_each(due, self._send))
        told = {each.key for each in due}
        return [next(outcomes) if each.key in told else Delivered() for each in notifications]

    async def close(self) -> None:
        """Nothing is kept open: Apprise connects for each message."""

    async def _send(self, notification: Notification) -> Outcome:
        # Its calls block, so Apprise makes them on threads of its own. It says only whether it worked.
        if await self._service.async_notify(**message(notification, self._language, with_id=self._with_id)):
            return Delivered()
        return Retry(0.0, "Apprise could not hand it over to the service")


def message(notification: Notification, language: Language, *, with_id: bool) -> dict[str, Any]:
    """What Apprise is given: title, body, kind.

    Args:
        notification: to be told.
        language: of the words.
        with_id: whether the customer's id is said.
    """
    alert = notification.alert
    open_id = with_id or alert.subject == "data"
    over = alert.state in ("resolved", "expired")
    return {
        "title": alert_title(alert, language, alert.customer_id if open_id else notification.customer_ref),
        "body": "\n".join(alert_lines(alert, language)),
        "notify_type": "success" if over else TYPES[alert.severity],
        "body_format": "text",
    }


def read_services(
    path: Path, language: Language, limits: Limits | None = None, *, with_id: bool = False
) -> list[AppriseSink]:
    """One sink for each service of a file: `URL`, or `critical,error=URL`, a line; `#` begins a remark.

    Args:
        path: of the file; its URLs are secrets and are never repeated, only their lines counted.
        language: of the words.
        limits: of each.
        with_id: whether the customers' ids are said.

    Raises:
        ConfigError: Apprise is not installed, or the file has a line that it does not understand.
    """
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(
            "Apprise is not installed", hint="pip install 'kizuna[apprise]', or leave apprise_file unset"
        ) from error
    asset = apprise.AppriseAsset(
        app_id="Kizuna", app_desc="Kizuna alerts", app_url="", http_redirects=False, storage_mode="memory"
    )
    sinks: dict[str, AppriseSink] = {}
    for number, line in _lines(path):
        found = LINE.fullmatch(line)
        severities = _severities(found["severities"]) if found else None
        service = apprise.Apprise(asset=asset)
        with _silent():
            known = found is not None and service.add(found["url"])
        if found is None or severities is None or not known or len(service) != 1:
            raise ConfigError(
                f"{path}, line {number}: no service that Apprise knows",
                hint="write a URL as Apprise's documentation shows it, or critical,error=URL",
            )
        name = f"apprise-{found['schema'].lower()}-{sha256(found['url'].encode()).hexdigest()[:8]}"
        if name in sinks:
            raise ConfigError(
                f"{path}, line {number}: the same URL again", hint="name its severities in one line"
            )
        sinks[name] = AppriseSink(name, service, severities, language, limits, with_id=with_id)
    return list(sinks.values())


@contextmanager
def _silent() -> Iterator[None]:
    """Apprise quotes a URL that it does not know in its log."""
    library = logging.getLogger("apprise")
    library.disabled, before = True, library.disabled
    try:
        yield
    finally:
        library.disabled = before


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read {path}", hint="one Apprise URL a line") from None
    numbered = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def _severities(text: str | None) -> frozenset[str] | None:
    """Those named, all if none is; None if one of them is no severity."""
    named = frozenset(re.split(r"[\s,]+", text.strip())) - {""} if text else SEVERITIES
    return named if named and named <= SEVERITIES else None
