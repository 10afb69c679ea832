"""Every constant of the model: one versioned file, each value with a domain.

A value outside its domain is refused with its path (`ModelError`), never clipped.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.fields import Band
from stream.errors import ModelError
from stream.model.toml import line_of

__all__ = [
    "Bands",
    "Churn",
    "Coefficients",
    "Contract",
    "Derived",
    "Exceptions",
    "Layer",
    "Mbg",
    "Nbd",
    "Parameters",
    "Promises",
    "Risk",
    "Spend",
    "Statistics",
    "Trust",
    "Usual",
    "load",
    "parse",
]

SHIPPED = Path(__file__).with_name("parameters.toml")

Positive = Annotated[float, Meta(gt=0.0, le=1e6)]
Weight = Annotated[float, Meta(ge=0.0, le=100.0)]
Shape = Annotated[float, Meta(ge=1e-4, le=1e5)]
Share = Annotated[float, Meta(gt=0.0, lt=1.0)]
LogOdds = Annotated[float, Meta(ge=-20.0, le=20.0)]
Raises = Annotated[float, Meta(ge=0.0, le=20.0)]
Lowers = Annotated[float, Meta(ge=-20.0, le=0.0)]
HorizonDays = Annotated[int, Meta(ge=1, le=3650)]
Value = Annotated[float, Meta(ge=-1.0, le=1.0)]
# Below 30 days the forward-decay exponent (t - landmark) / h could overflow a float64 before the year 2100.
HalfLife = Annotated[float, Meta(ge=30.0, le=3650.0)]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the parameter file; a misspelt name is an error."""


class HalfLives(_Table, frozen=True):
    """Half-life of each cause of evidence, days."""

    survey: HalfLife
    effort: HalfLife
    review: HalfLife
    delivery: HalfLife
    ticket: HalfLife
    complaint: HalfLife
    incident: HalfLife
    breach: HalfLife
    refund: HalfLife
    care: HalfLife
    recovery: HalfLife


class Weights(_Table, frozen=True):
    """Weight of one event, in units of one survey answer."""

    survey: Weight
    effort: Weight
    review: Weight
    delivery: Weight
    first_reply: Weight
    resolution: Weight
    reopened: Weight
    escalated: Weight
    refund: Weight
    returned: Weight = msgspec.field(name="return")
    chargeback: Weight
    loyalty: Weight
    loyalty_left: Weight
    referral: Weight
    apology: Weight
    compensation: Weight
    incident_minor: Weight
    incident_major: Weight
    incident_critical: Weight


class Statistics(_Table, frozen=True):
    """What shapes the stored sums. Another value means other state: rebuild, never mix."""

    half_life_days: HalfLives
    engagement_short_days: HalfLife
    engagement_long_days: HalfLife
    payment_failure_days: HalfLife
    weight: Weights


class DueHours(_Table, frozen=True):
    """Due time by ticket priority, hours."""

    low: Positive
    normal: Positive
    high: Positive
    urgent: Positive


class Promises(_Table, frozen=True):
    """How kept, late and overdue promises weigh."""

    on_time_value: Value
    late_value: Value
    late_value_per_day: Value
    reply_due_hours: DueHours
    resolution_due_hours: DueHours
    overdue_weight: Weight
    overdue_half_days: Positive


class DimensionWeights(_Table, frozen=True):
    """Weight of each SERVQUAL dimension (Parasuraman, Zeithaml & Berry 1988)."""

    reliability: Weight
    responsiveness: Weight
    assurance: Weight
    empathy: Weight
    tangibles: Weight


class Trust(_Table, frozen=True):
    """Beta reputation with base rate and negative weight."""

    base_rate: Share
    prior_weight: Positive
    negative_weight: Positive
    credible_mass: Share
    dimension_weight: DimensionWeights


class Publication(_Table, frozen=True):
    """How far a score must have moved for a sweep to publish it, and how often the event clock sweeps."""

    sweep_trust_points: Annotated[float, Meta(ge=0.01, le=100.0)]
    sweep_churn_risk: Annotated[float, Meta(ge=0.0001, le=1.0)]
    event_clock_sweep_days: Annotated[int, Meta(ge=1, le=365)]


class Mbg(_Table, frozen=True):
    """MBG/NBD parameters, time in weeks."""

    r: Positive
    alpha: Positive
    a: Positive
    b: Positive


class Nbd(_Table, frozen=True):
    """NBD parameters, time in weeks."""

    r: Positive
    alpha: Positive


class Coefficients(_Table, frozen=True):
    """Log-odds per unit of each input of the layer (`layer.py`); signs as sense demands."""

    recency: Annotated[float, Meta(ge=0.0, le=1000.0)]
    frequency: Annotated[float, Meta(ge=-1000.0, le=0.0)]
    age: Annotated[float, Meta(ge=-1000.0, le=1000.0)]
    amount: Annotated[float, Meta(ge=-1000.0, le=0.0)]
    mbg: Annotated[float, Meta(ge=0.0, le=1000.0)]
    nbd: Annotated[float, Meta(ge=0.0, le=1000.0)]


class Usual(_Table, frozen=True):
    """Log-odds that each driver gives the average customer of the training windows."""

    frequency: Annotated[float, Meta(ge=-1e6, le=1e6)]
    silence: Annotated[float, Meta(ge=-1e6, le=1e6)]
    age: Annotated[float, Meta(ge=-1e6, le=1e6)]
    amount: Annotated[float, Meta(ge=-1e6, le=1e6)]


class Layer(_Table, frozen=True):
    """Fitted additive layer: log-odds of the average customer, and what moves them."""

    horizon_days: HorizonDays
    history_days: Annotated[int, Meta(ge=1, le=100_000)]
    base: Annotated[float, Meta(ge=-1e6, le=1e6)]
    coefficient: Coefficients
    usual: Usual
    nbd: Nbd

    @property
    def extrapolated(self) -> bool:
        """Whether the horizon is longer than the history it was fitted on."""
        return self.horizon_days > self.history_days

    def __post_init__(self) -> None:
        """Refuse a layer under which risk would fall in silence.

        Raises:
            ValueError: see above; the decoder names the place.
        """
        # Recency and age grow together; log(1 + recency) always faster than log(7 + age).
        if self.coefficient.recency + self.coefficient.age < 0.0:
            raise ValueError("coefficient.recency + coefficient.age < 0: risk would fall in silence")


class Contract(_Table, frozen=True, omit_defaults=True):
    """Hazard of a contract's end, fitted (`model/contract.py`); log-odds, each with the sign it may have."""

    alpha: Shape  # of the shifted-beta-geometric, per month
    beta: Shape
    base: LogOdds  # added to a newcomer's
    tenure: Raises  # times what the shifted-beta-geometric takes off with time survived
    term_length: Lowers  # times log(1 + months of the term)
    term_beyond: Lowers  # the term ends after the horizon; against a contract without a known term
    bound_longer: Lowers  # times log(how many horizons away its end is)
    term_ends: Raises  # the term ends within the horizon
    further_ends: Raises  # times log(1 + terms that end within it after this one)
    term_passed: Raises  # the term is over, and nobody renewed
    cancel_requested: Raises
    ended: Raises
    trust_per_50_points: Raises
    overdue_promise: Raises
    payment_failure: Raises
    engagement_fall: Raises
    unsubscribed: Raises
    grace_days: Annotated[float, Meta(ge=0.0, le=90.0)] = 1.0  # after its end until a term counts as over
    renewals_reported: bool = True  # false: nobody ever renews in the events, so a past end says nothing


class Churn(_Table, frozen=True, omit_defaults=True):
    """Purchase model and the horizon that its probability speaks of.

    `layer` and `contract` are there once fitted; without `contract` its terms are those declared in `Risk`.
    """

    horizon_days: HorizonDays
    mbg: Mbg
    layer: Layer | None = None
    contract: Contract | None = None

    def __post_init__(self) -> None:
        """Refuse a layer that was fitted for another horizon.

        Raises:
            ValueError: see above; the decoder names the place.
        """
        if self.layer is not None and self.layer.horizon_days != self.horizon_days:
            raise ValueError(
                f"the layer was fitted for {self.layer.horizon_days} days, not {self.horizon_days}: "
                f"kizuna fit --horizon-days {self.horizon_days}"
            )


class Risk(_Table, frozen=True):
    """Log-odds terms on top of the purchase model; a negative one would let the risk fall in silence."""

    trust_per_50_points: Raises
    overdue_promise: Raises
    payment_failure: Raises
    engagement_fall: Raises
    unsubscribed: Raises
    subscription_base: LogOdds
    subscription_term_ends: Raises
    subscription_cancel_requested: Raises
    subscription_ended: Raises


Points = Annotated[float, Meta(gt=0.0, lt=100.0)]


class Bands(_Table, frozen=True):
    """Where each band of trust begins, points; below the first is "critical"."""

    low: Points
    fair: Points
    good: Points
    strong: Points

    def __post_init__(self) -> None:
        """Each begins above the one before."""
        if not self.low < self.fair < self.good < self.strong:
            raise ValueError("bands must rise: low < fair < good < strong")


class ForcedBand(_Table, frozen=True):
    """What an event forces, and for how many days; 0 = nothing."""

    band: Band
    days: Annotated[float, Meta(ge=0.0, le=3650.0)]


class Exceptions(_Table, frozen=True):
    """Events that force a band whatever the score. The state knows when each happened last."""

    chargeback: ForcedBand
    critical_incident: ForcedBand


class Spend(_Table, frozen=True):
    """Gamma-Gamma: what a purchase day is worth; gamma in the unit of the amounts."""

    p: Positive
    q: Annotated[float, Meta(gt=1.0, le=1e6)]
    gamma: Annotated[float, Meta(gt=0.0, le=1e12)]


class Derived(_Table, frozen=True, omit_defaults=True):
    """What follows from the scores: thresholds and windows; `spend` is there once it was fitted."""

    loyalty_trust: Annotated[float, Meta(ge=0.0, le=100.0)]
    loyalty_active: Share
    loyalty_max_uncertainty: Share
    value_horizon_days: HorizonDays
    rolling_days: Annotated[int, Meta(ge=1, le=91)]
    feedback_due_hours: Positive
    spend: Spend | None = None


class Parameters(_Table, frozen=True):
    """The whole model."""

    statistics: Statistics
    promises: Promises
    trust: Trust
    publication: Publication
    churn: Churn
    risk: Risk
    bands: Bands
    exceptions: Exceptions
    derived: Derived

    @property
    def model_version(self) -> str:
        """12 hex digits over every value; stamped on every record."""
        return _digest(self)

    @property
    def statistics_hash(self) -> str:
        """8 hex digits over what is baked into stored sums, the judgement of promises included."""
        return _digest([self.statistics, self.promises])[:8]


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:12]


def parse(text: str, source: str = "parameters") -> Parameters:
    """Parameters from TOML text.

    Raises:
        ModelError: syntax, unknown or missing name, or a value outside its domain; says where.
    """
    try:
        return msgspec.toml.decode(text, type=Parameters)
    except msgspec.DecodeError as error:
        line = line_of(text, str(error))
        where = source if line is None else f"{source} line {line}"
        raise ModelError(
            f"{where}: {error}", hint="compare with the shipped stream/model/parameters.toml"
        ) from error


def load(path: Path | None = None) -> Parameters:
    """Parameters of a file; the shipped ones by default."""
    source = path or SHIPPED
    try:
        text = source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{source} is not UTF-8 text", hint="check the path given as --parameters"
        ) from error
    except OSError as error:
        raise ModelError(
            f"cannot read {source}: {error.strerror}", hint="check the path given as --parameters"
        ) from error
    return parse(text, str(source))
