"""Dead letters of sinks that were mended are sent again: for `--resend`, beside a running `kizuna notify`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from random import Random

from msgspec import Struct
from msgspec.structs import replace as renewed

from stream.clock import Clock
from stream.config import Settings
from stream.errors import ConfigError
from stream.notify import ledger
from stream.notify.assemble import make_book, make_dispatchers, make_shape
from stream.notify.counts import Counts
from stream.notify.dispatch import DEAD_LETTERS, LEDGER, Dispatcher
from stream.notify.letters import Letter, passed_over, read_letter
from stream.notify.ports import Feed, Journal
from stream.notify.preview import Silent
from stream.notify.process import Notifier
from stream.notify.shape import Shape
from stream.notify.sink import Delivered, Notification, Outcome, Refused, Retry, Sink

__all__ = ["Account", "Resent", "resend"]

WAITS_S = (1.0, 4.0)
"""After a failure; after one failure more a sink is left alone, with all that is still to be sent."""
PATIENCE_S = 60.0
"""A receiver that asks to be left alone for longer is."""
LEAST_S = 0.05


class Resent(Struct, frozen=True):
    """One letter.

    Attributes:
        sink: its name.
        outcome: `due` (a dry run), `told`, `refused`, or `failed`.
        kind: what happened to the alert.
        since: when, RFC 3339.
        severity: of the alert.
        rule: of the alert.
        customer_ref: instead of the customer's id.
        text: its title.
        reason: why it was not taken.
    """

    sink: str
    outcome: str
    kind: str
    since: str
    severity: str
    rule: str
    customer_ref: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        line = f"{self.sink}  {self.outcome:7} {self.kind:12} {self.severity:8} {self.rule}  {self.text}"
        return f"{line}: {self.reason}" if self.reason else line


class Account(Struct, frozen=True):
    """Where all letters went.

    Attributes:
        outcomes: how many are `told`, `refused`, `failed`, or `left` (not tried, since the sink had failed);
            in a dry run `due`.
        passed_over: how many are not sent again, by `letters.PassedOver`.
    """

    outcomes: Counter[str]
    passed_over: Counter[str]


async def resend(
    settings: Settings,
    letters: Feed,
    feed: Feed,
    journal: Journal,
    say: Callable[[Resent], None],
    *,
    clock: Clock,
    only: str | None,
    dry_run: bool,
) -> Account:
    """Send again what each sink is still to be told.

    The topics are followed meanwhile: an alert that ends before its turn is not told as open.

    Args:
        settings: of the sinks.
        letters: the topic of dead letters.
        feed: of the ledger and the alerts.
        journal: for the ledger.
        say: told of each letter that was tried, or in a dry run would be.
        clock: the wall's.
        only: letters of this sink, by its name; None for those of all.
        dry_run: send and write nothing.

    Raises:
        KizunaError: no sink is set, or none of this name, a setting cannot be used, or Kafka cannot be read.
    """
    shape = make_shape(settings)
    book = make_book(shape, settings.alertmanager_resolve_s)
    written, counts = Silent() if dry_run else journal, Counts("")
    dispatchers = make_dispatchers(settings, shape, written, counts, clock=clock, chance=Random(0))
    if not dispatchers:
        raise ConfigError(
            "there is nobody to send letters to: no webhook and no Apprise service is set",
            hint="name them as for the running notify: [[webhooks]] or apprise_file in kizuna.toml",
        )
    told = {each.sink.name: each for each in dispatchers}
    if only is not None and only not in told:
        raise ConfigError(f"no sink is called {only}", hint=f"those that are set: {', '.join(sorted(told))}")
    notifier = Notifier(feed, book, (), dispatchers, written, counts, clock=clock, stop_limit_s=0.0)
    account, failing = Account(Counter(), Counter()), set[str]()
    try:
        found = await _read(letters, account)
        async with _following(notifier) as check:
            for letter in found:
                check()
                if only not in (None, letter.sink):
                    continue
                to = told.get(letter.sink)
                why = passed_over(letter, None if to is None else to.outbox, book)
                if to is None or why is not None:
                    account.passed_over[why or "no_sink"] += 1
                    continue
                if letter.sink in failing:
                    account.outcomes["left"] += 1
                    continue
                line = _line(letter, shape)
                if not dry_run:
                    line = await _again(letter, line, to, journal)
                if line.outcome == "failed":
                    failing.add(letter.sink)
                account.outcomes[line.outcome] += 1
                say(line)
    finally:
        for each in dispatchers:
            await each.sink.close()
    return account


async def _read(letters: Feed, account: Account) -> list[Letter]:
    """Those of the topic up to its end, in order; of a letter that was written twice the last one."""
    found: dict[tuple[str, str], Letter] = {}
    async with aclosing(letters.pages()) as pages:
        async for page in pages:
            for record in page.records.get(DEAD_LETTERS, ()):
                letter = read_letter(record.partition, record.value, record.headers)
                if letter is None:
                    account.passed_over["unreadable"] += 1
                else:
                    found[letter.sink, letter.notification.key] = letter
            if not any(page.left.values()):
                break
    return list(found.values())


@asynccontextmanager
async def _following(notifier: Notifier) -> AsyncIterator[Callable[[], None]]:
    """The topics are read to their ends, and on; what is given raises if that failed."""
    following = asyncio.create_task(notifier.follow())
    reached = asyncio.create_task(notifier.caught_up.wait())

    def check() -> None:
        if following.done():
            following.result()

    try:
        await asyncio.wait([following, reached], return_when=asyncio.FIRST_COMPLETED)
        check()
        yield check
    finally:
        for task in (following, reached):
            task.cancel()
        await asyncio.gather(following, reached, return_exceptions=True)


def _line(letter: Letter, shape: Shape) -> Resent:
    alert = letter.notification.alert
    return Resent(
        letter.sink,
        "due",
        letter.notification.kind,
        alert.state_since.isoformat(),
        alert.severity,
        alert.rule_id,
        shape.reference(alert),
        shape.annotations(alert)["summary"],
    )


async def _again(letter: Letter, line: Resent, to: Dispatcher, journal: Journal) -> Resent:
    """Send one letter; if it is taken, the ledger says so before anything else is sent."""
    alert = letter.notification.alert
    outcome = await _try(to.sink, replace(letter.notification, customer_ref=line.customer_ref))
    if isinstance(outcome, Delivered):
        await journal.write(LEDGER, [(letter.partition, *ledger.again_row(letter.sink, alert), ())])
        to.outbox.again[alert.dedup_key] = alert.seq
        return renewed(line, outcome="told")
    answer = "refused" if isinstance(outcome, Refused) else "failed"
    return renewed(line, outcome=answer, reason=outcome.reason)


async def _try(sink: Sink, notification: Notification) -> Outcome:
    """Some tries of one notification; what the sink's own limits ask for is waited out, and is no try."""
    waits = iter(WAITS_S)
    while True:
        [outcome] = await sink.deliver([notification])
        if not isinstance(outcome, Retry) or outcome.after_s > PATIENCE_S:
            return outcome
        wait_s = next(waits, None) if outcome.counts else LEAST_S
        if wait_s is None:
            return outcome
        await asyncio.sleep(max(wait_s, outcome.after_s))
