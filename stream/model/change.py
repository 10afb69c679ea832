"""Why a score is another one than before: the same reasons at two times, code by code.

A score is its base plus its contributions, and the base is a constant of the model. So a change is exactly
the sum of the changes of the contributions: nothing has to be attributed, and nothing is left over. Churn
risk changes in log-odds, the scale on which its contributions add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stream.model.explain import Explanation, Reason
from stream.model.parameters import Parameters

__all__ = ["Change", "Changes", "changes", "nothing_known"]


@dataclass(frozen=True, slots=True)
class Change:
    """One code's share of the change of one score.

    Attributes:
        code: a cause of evidence or a term of the risk.
        before: its contribution then, 0 where it said nothing; trust points, or log-odds of churn.
        after: its contribution now.
        observed_before: what was seen then, in the unit of `unit`; None where the code needs no number.
        observed: what is seen now.
        usual: what would be usual now.
        unit: of the three.
        dimension: SERVQUAL dimension of a trust reason.
    """

    code: str
    before: float
    after: float
    observed_before: float | None = None
    observed: float | None = None
    usual: float | None = None
    unit: str = ""
    dimension: str = ""

    @property
    def contribution(self) -> float:
        """What it adds to the change."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of both scores of one customer, largest first.

    after.trust - before.trust == sum of `trust`; the difference of the log-odds == sum of `churn` (tested to
    1e-9). `churn` is None where the risk is absent at one of the two times: there is no change to explain.
    """

    before: Explanation
    after: Explanation
    trust: list[Change]
    churn: list[Change] | None


def changes(before: Explanation, after: Explanation) -> Changes:
    """What moved a customer's scores from one explanation to the next, under the same parameters."""
    known = before.churn_risk is not None and after.churn_risk is not None
    return Changes(
        before=before,
        after=after,
        trust=_by_code(before.trust_reasons, after.trust_reasons),
        churn=_by_code(before.churn_reasons, after.churn_reasons) if known else None,
    )


def nothing_known(parameters: Parameters) -> Explanation:
    """The scores of a customer of whom nothing is known yet: the base rate, and no churn risk."""
    base = 100.0 * parameters.trust.base_rate
    return Explanation(
        trust=base,
        trust_base=base,
        trust_reasons=[],
        churn_risk=None,
        churn_log_odds=None,
        churn_reasons=[],
    )


def _by_code(before: Sequence[Reason], after: Sequence[Reason]) -> list[Change]:
    then, now = ({reason.code: reason for reason in reasons} for reasons in (before, after))
    found = [_change(then.get(code), now.get(code)) for code in then | now]
    moved = (change for change in found if change.contribution != 0.0)
    return sorted(moved, key=lambda change: (-abs(change.contribution), change.code))


def _change(before: Reason | None, after: Reason | None) -> Change:
    known = after or before
    assert known is not None  # the code came from one of the two
    return Change(
        code=known.code,
        before=before.contribution if before else 0.0,
        after=after.contribution if after else 0.0,
        observed_before=before.observed if before else None,
        observed=after.observed if after else None,
        usual=known.usual,
        unit=known.unit,
        dimension=known.dimension,
    )
