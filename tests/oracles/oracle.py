"""The oracle itself: events in source order, answers about any customer after any number of them."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from schemas.alert import AlertV1
from schemas.score import ScoreV1
from stream.alerts.rules import Rules
from stream.model.parameters import Parameters
from tests.oracles.alerting import Customer, answered, implied
from tests.oracles.measuring import value_of
from tests.oracles.memory import TIERS, Memory
from tests.oracles.people import Decision, Life, Saying
from tests.oracles.reading import DAY_MS, END_MS, FIRST_MS, Event, Refused, SourceRecord, read
from tests.oracles.scoring import Score, score

__all__ = ["Oracle", "epoch_ms"]

REMEMBERED = 12  # accepted event ids of a customer among which a duplicate is recognised


def epoch_ms(time: datetime) -> int:
    """Exact epoch milliseconds of a published time."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


class Oracle:
    """Every customer's accepted events, and what follows from them.

    Attributes:
        events: accepted events of each customer, in the order of acceptance.
        outcomes: records by "scored", "duplicate" or the dead letter's cause.
        answers: of each entry of what was said, as last judged by `alerts`: "applied", "superseded" or the
            dead letter's cause, in the same order.
        decisions: the last one about each customer's band, likewise.
    """

    def __init__(self, parameters: Parameters, rules: Rules) -> None:
        self.parameters = parameters
        self.rules = rules
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.outcomes: Counter[str] = Counter()
        self.answers: dict[tuple[str, int], list[str]] = {}
        self.decisions: defaultdict[str, Decision] = defaultdict(Decision)
        self._recent: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._past: dict[str, Memory] = {}
        self._present: dict[str, Memory] = {}

    def feed(self, record: SourceRecord, now_ms: int = END_MS) -> str:
        """Take one record; returns its outcome. `now_ms` is the wall time when it was taken."""
        try:
            event = read(record, now_ms)
        except Refused as refused:
            outcome = refused.cause
        else:
            recent = self._recent[event.customer]
            outcome = "duplicate" if event.event_id in recent else "scored"
            if outcome == "scored":
                recent.append(event.event_id)
                self.events[event.customer].append(event)
        self.outcomes[outcome] += 1
        return outcome

    def forget(self, customer_id: str) -> None:
        """Erase a customer; who comes again under this name starts from nothing."""
        for known in (self.events, self._recent, self._past, self._present):
            known.pop(customer_id, None)

    def customer(self, customer_id: str) -> Memory:
        """What is remembered of a customer now."""
        return self._after(self._present, customer_id, len(self.events[customer_id]))

    def score_at(
        self, customer_id: str, now_ms: int, after_events: int | None = None, *, silence: bool = True
    ) -> Score:
        """The scores that hold at a time for the first `after_events` accepted events, all by default.

        Cheap while `after_events` only grows from call to call of a customer; else started anew.
        """
        if after_events is None:
            return score(self.customer(customer_id), now_ms, self.parameters, silence=silence)
        return score(self._after(self._past, customer_id, after_events), now_ms, self.parameters)

    def _after(self, memories: dict[str, Memory], customer_id: str, count: int) -> Memory:
        events = self.events[customer_id]
        if not 0 < count <= len(events):
            raise KeyError(f"{customer_id} has {len(events)} events, not {count}")
        memory = memories.get(customer_id)
        if memory is None or memory.events > count:
            memory = memories[customer_id] = Memory()
        for event in events[memory.events : count]:
            memory.apply(event, self.parameters)
        return memory

    def score_of(self, published: ScoreV1) -> Score:
        """What a published score should say."""
        return self.score_at(published.customer_id, epoch_ms(published.as_of), published.events)

    def alerts(self, chain: Iterable[ScoreV1], saying: Saying = MappingProxyType({})) -> list[AlertV1]:
        """Every transition that published scores and commands imply, per customer in `seq` order."""
        lives: dict[tuple[str, str], Life] = {}
        found: list[AlertV1] = []
        self.answers, self.decisions = {}, defaultdict(Decision)
        for published in chain:
            key, (now, events) = (published.customer_id, published.seq), (published.as_of, published.events)
            answers = self.answers[key] = []
            heard = answered(saying.get(key, ()), lives, self.decisions, self.rules, now, events, answers)
            found += implied(published, self._customer_of(published), lives, self.rules, heard)
        for key in saying.keys() - self.answers.keys():  # no score came after them: they must move nothing
            answers = self.answers[key] = []
            last = saying[key][-1].issued_at
            list(answered(saying[key], lives, self.decisions, self.rules, last, 0, answers))
        return found

    def _customer_of(self, published: ScoreV1) -> Customer:
        """What an alert needs to know of the customer as of a published score."""
        memory = self._after(self._past, published.customer_id, published.events)
        tier = memory.profile.get("tier", (0, 0))[1]
        now_ms, scored = epoch_ms(published.as_of), self.score_of(published)
        values = {
            rule.id: value_of(rule, memory, scored, now_ms, self.parameters) for rule in self.rules.rule
        }
        return Customer(
            purchase_days=len(memory.days),
            last=datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=memory.last_s - 1),
            tier=TIERS[tier - 1] if tier else None,
            locale=memory.profile.get("locale", (0, None))[1] or None,
            values=values,
        )

    def segment_at(self, customer_id: str, after_events: int) -> str | None:
        """The customer's segment after so many accepted events."""
        segment: str | None = self._after(self._past, customer_id, after_events).profile.get(
            "segment", (0, None)
        )[1]
        return segment

    def checkpoints(self, chain: Iterable[ScoreV1]) -> dict[str, list[tuple[int, int, bool]]]:
        """(day, risk in 1/10,000, of a contract) of each customer's two latest remembered scores.

        Latest first. A published risk is remembered, and then the first one after the horizon of that.
        """
        found: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        for each in chain:
            kept = found[each.customer_id]
            day = (epoch_ms(each.as_of) - FIRST_MS) // DAY_MS + 1
            if each.churn_risk is None or (kept and day <= kept[0][0] + self.parameters.churn.horizon_days):
                continue
            events = self.events[each.customer_id][: each.events]
            contract = any(event.type == "subscription" for event in events)
            found[each.customer_id] = [(day, round(each.churn_risk * 10_000), contract), *kept[:1]]
        return found

    def row_facts(self, customer_id: str) -> dict[str, object]:
        """What a stored row must say, named as in the row; promises and evidence apart (`compare`)."""
        m = self.customer(customer_id)
        latest = m.latest
        return {
            "events": m.events,
            "n_days": len(m.days),
            "first_day": min(m.days) + 1 if m.days else 0,
            "all_days": {day + 1 for day in m.days},
            "amount_e4": sum(m.amounts.values()),
            "amounts": m.amounts,
            "channels": m.channels,
            "all_feedback": m.recent_feedback(),
            "engagement": [m.engagement_short, m.engagement_long],
            "payment_failures": m.payment_failures,
            "first_s": m.first_s,
            "last_s": m.last_s,
            "renewed_s": latest.get("renewed", 0),
            "cancel_s": latest.get("cancel", 0),
            "ended_s": latest.get("ended", 0),
            "term_end_s": latest.get("term_end", 0),
            "unsubscribed_s": latest.get("unsubscribed", 0),
            "resubscribed_s": latest.get("resubscribed", 0),
            "segment": m.profile.get("segment", (0, ""))[1],
            "tier": m.profile.get("tier", (0, 0))[1],
            "locale": m.profile.get("locale", (0, ""))[1],
        }
