"""The demo's account: where every event went, read back from the topics and not from anybody's counters."""

from dataclasses import dataclass, field

import msgspec

from schemas.alert import AlertV1
from schemas.codec import decode_alert
from stream.cli.output import Report
from stream.config import Settings
from stream.engine.committed import open_committed
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.pipeline import Pipeline
from stream.state.position import POSITION_KEY
from stream.state.table import CustomerTable

__all__ = ["Account", "Chains", "take_account"]


class _Score(msgspec.Struct):
    """What the check needs of a ScoreV1; the rest is skipped unread."""

    seq: int
    trust: float
    churn_risk: float | None


_decode = msgspec.json.Decoder(_Score).decode


class Chains:
    """Per customer, published scores must be numbered 1, 2, 3 ... without a gap or a repeat."""

    def __init__(self) -> None:
        self.n_scores = 0
        self.n_broken = 0
        self.last: dict[bytes, _Score] = {}

    def add(self, key: bytes, value: bytes) -> None:
        """Take the next score of a partition, in the order of its log."""
        score = _decode(value)
        before = self.last.get(key)
        if score.seq != (before.seq if before is not None else 0) + 1:
            self.n_broken += 1
        self.last[key] = score
        self.n_scores += 1

    def faults(self, table: CustomerTable) -> list[str]:
        """What speaks against exactly once; `table` holds every customer's row."""
        found = []
        if self.n_broken:
            found.append(f"{self.n_broken} scores are not the successor of the one before")
        rows = table.rows
        wrong = 0
        for key, row in table.index.items():
            last, state = self.last.get(key), rows[row]
            risk = None if state["risk_e4"] < 0 else int(state["risk_e4"])
            wrong += (
                last is None
                or last.seq != state["seq"]
                or round(last.trust * 100) != state["trust_centi"]
                or (None if last.churn_risk is None else round(last.churn_risk * 10_000)) != risk
            )
        if wrong or len(self.last) != len(table):
            found.append(f"{wrong} customers' last score is not the one in their state")
        return found


@dataclass(slots=True)
class Account:
    """Where the events went.

    Attributes:
        sent: acknowledged by Kafka.
        committed: source records behind the committed positions.
        scored: accepted events, as the customers' rows count them.
        dead_letters: in their topic.
        customers: rows in the state.
        scores: published.
        opened: alerts opened.
        resolved: alerts resolved.
        open_alerts: those open now, by dedup key.
        faults: what does not add up, in words; empty: exactly once.
    """

    sent: int
    committed: int = 0
    scored: int = 0
    dead_letters: int = 0
    customers: int = 0
    scores: int = 0
    opened: int = 0
    resolved: int = 0
    open_alerts: dict[str, AlertV1] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def duplicates(self) -> int:
        """Committed, and neither scored nor dead."""
        return self.committed - self.scored - self.dead_letters


async def take_account(
    settings: Settings, pipeline: Pipeline, sent: int, distinct: int, report: Report
) -> Account:
    """Read state, scores, alerts and dead letters back, and look for what does not add up.

    Call while no worker writes.

    Args:
        settings: the demo's.
        pipeline: that can read the rows.
        sent: records that Kafka acknowledged.
        distinct: different events among them.
        report: told how far the reading is.
    """
    account = Account(sent)
    async with open_committed(settings) as committed:
        account.committed, in_topic = await committed.done()
    table = pipeline.new_table()
    async for page in read_pages(settings, CHANGELOG):
        rows = [record for record in page if record.key != POSITION_KEY]
        table.load([record.key for record in rows], [record.value for record in rows])
    account.customers = len(table)
    account.scored = int(table.rows["events"][table.live(0, table.n_rows)].sum())
    chains = Chains()
    async for page in read_pages(settings, "scores"):
        for record in page:
            chains.add(record.key, record.value)
        report("Checking every score", chains.n_scores, 0)
    account.scores = chains.n_scores
    async for page in read_pages(settings, "alert-log"):
        for record in page:
            _count(account, decode_alert(record.value))
    async for page in read_pages(settings, "dead-letters"):
        account.dead_letters += len(page)
    account.faults = chains.faults(table)
    if not sent == in_topic == account.committed:
        account.faults.append(f"{sent} sent, {in_topic} in the topic, {account.committed} committed")
    if account.scored + account.dead_letters != distinct:
        account.faults.append(
            f"{distinct} different events, {account.scored} scored and {account.dead_letters} dead"
        )
    return account


def _count(account: Account, alert: AlertV1) -> None:
    if alert.state in ("resolved", "expired"):
        account.resolved += 1
        account.open_alerts.pop(alert.dedup_key, None)
    elif alert.state != "suppressed":
        account.opened += alert.transition in ("opened", "released")
        account.open_alerts[alert.dedup_key] = alert
