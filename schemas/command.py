"""CommandV1: what a person wants done with an alert.

Topic `alert-commands`; the worker that owns the customer applies it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schemas.fields import Count, CustomerId, Id, Label, Text, Time, check_customer


class CommandV1(Struct, frozen=True, gc=False, kw_only=True):
    """One action on the alert of one customer and rule.

    Idempotent by `command_id`. When `expected_seq` is given and the alert has moved on, the command is
    refused aloud instead of applied to what its author did not see.
    """

    command_id: Id
    customer_id: CustomerId
    rule_id: Label
    action: Literal["acknowledge", "assign", "snooze", "resolve"]
    expected_seq: Count | None = None
    issued_at: Time
    issued_by: Id
    reason: Text | None = None
    until: Time | None = None
    assignee: Id | None = None
    schema: Literal["kizuna.command.v1"] = "kizuna.command.v1"

    def __post_init__(self) -> None:
        """A snooze says until when; an assignment says to whom."""
        check_customer(self.customer_id)
        if self.action == "snooze" and self.until is None:
            raise ValueError("`until` is required when `action` is snooze")
        if self.action == "assign" and self.assignee is None:
            raise ValueError("`assignee` is required when `action` is assign")
