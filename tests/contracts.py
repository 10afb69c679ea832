"""A fitted contract table for tests: each weight another number, so that none can stand in for another."""

from stream.model.parameters import Contract

__all__ = ["CONTRACT"]

CONTRACT = Contract(
    alpha=0.7,
    beta=17.0,
    base=0.13,
    tenure=0.9,
    term_length=-0.23,
    term_beyond=-1.1,
    bound_longer=-0.19,
    term_ends=0.61,
    further_ends=0.37,
    term_passed=2.3,
    cancel_requested=2.9,
    ended=5.7,
    trust_per_50_points=0.83,
    overdue_promise=0.41,
    payment_failure=0.53,
    engagement_fall=0.29,
    unsubscribed=0.71,
    grace_days=2.0,
)
