"""The signed webhook: every transition as AlertV1 in JSON, signed as Standard Webhooks 1.0 says.

Only 2xx is delivered. Away or busy (5xx, 408, 425, 429, redirects, no answer) is tried again; what else a
receiver says is about this notification, and final. After 410 nothing more is sent until a restart.
"""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from http import HTTPStatus

import structlog
from yarl import URL

from schemas.codec import encode
from stream import __version__
from stream.clock import Clock, now_ms
from stream.notify.gate import Gate, Limits
from stream.notify.post import Answer, NoAnswer, Poster, shown
from stream.notify.retry import retry_after_ms
from stream.notify.signature import Signer
from stream.notify.sink import Delivered, Notification, Outcome, Refused, Retry

__all__ = ["Webhook", "message_id"]

log = structlog.get_logger(__name__)

NOT_NOW = frozenset({408, 425, 429})
"""Of the 4xx, those that are not about the notification."""

NEAR = frozenset({"localhost", "127.0.0.1", "::1"})


class Webhook:
    """A sink: one URL that is sent every notification, signed.

    Args:
        name: stable and unique among the sinks.
        url: http or https (`post.checked_url`).
        signer: has the secrets.
        limits: how much it is asked.
        poster: with its time-outs; closed with this sink.
        clock: the wall clock, for the signature and for dates in answers.
        monotonic: seconds of a clock that never goes back, for the limits.
    """

    def __init__(
        self,
        name: str,
        url: URL,
        signer: Signer,
        limits: Limits | None = None,
        *,
        poster: Poster | None = None,
        clock: Clock = now_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._url, self._signer, self._clock = name, url, signer, clock
        self._gate = Gate(name, limits or Limits(), monotonic)
        self._poster = poster or Poster()
        self._gone = False
        if url.scheme == "http" and url.host not in NEAR:
            log.warning("a webhook goes out unencrypted: it names customers", sink=name, to=shown(url))

    def __repr__(self) -> str:
        return f"Webhook({self._name!r}, {shown(self._url)})"

    @property
    def name(self) -> str:
        """Stable, unique among the configured sinks."""
        return self._name

    async def deliver(self, notifications: Sequence[Notification]) -> Sequence[Outcome]:
        """Try each once, in order, as far as limits and breaker let it."""
        return await self._gate.pass_each(notifications, self._send)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()

    async def _send(self, notification: Notification) -> Outcome:
        if self._gone:
            return Refused("the receiver answered 410 Gone before: it wants no more")
        body = encode(notification.alert)
        headers = {
            "content-type": "application/json",
            "user-agent": f"kizuna/{__version__}",
            **self._signer.headers(message_id(notification.key), body, self._clock()),
        }
        try:
            answer = await self._poster.post(self._url, body, headers)
        except NoAnswer as failure:
            return Retry(0.0, str(failure))
        if answer.status == HTTPStatus.GONE:
            self._gone = True
            log.error("a webhook is gone: what follows becomes dead letters until a restart", sink=self._name)
        return _outcome(answer, self._clock())


def message_id(key: str) -> str:
    """`webhook-id` of a notification: ASCII without a full stop, whatever the customer's id has in it.

    Args:
        key: of the notification; the same key, the same id, in every attempt and every process.
    """
    return f"msg_{sha256(key.encode()).hexdigest()[:32]}"


def _outcome(answer: Answer, now_ms: int) -> Outcome:
    """What an answer means for its notification."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered()
    reason = f"the receiver answered {_named(status)}{': ' if answer.redirect else ''}{answer.redirect}"
    if 400 <= status < 500 and status not in NOT_NOW:
        return Refused(reason)
    return Retry((retry_after_ms(answer.retry_after, now_ms) or 0) / 1_000, reason)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
