"""CommandV1: what a person wants done with an alert, or with what is shown of a customer.

Topic `alert-commands`; the worker that owns the customer applies it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal

from msgspec import Struct

from schemas.fields import Band, Count, CustomerId, Id, Label, Text, Time, check_customer

MAC: Final = "kizuna-mac"
"""Header of a signed command."""


def mac(key: bytes, value: bytes) -> bytes:
    """What the header `MAC` holds: HMAC-SHA256 of the record's value, as hexadecimal digits."""
    return hmac.new(key, value, hashlib.sha256).hexdigest().encode()


class CommandV1(Struct, frozen=True, gc=False, kw_only=True):
    """One action on the alert of one customer and rule, or on the customer's band.

    Idempotent by `command_id`. When `expected_seq` is given and the alert has moved on, the command is
    refused aloud instead of applied to what its author did not see. `note` says something (`reason`) and
    changes nothing else. `override` shows `band` instead of the
    computed one until a time; `withdraw` ends what was overridden before it. Of several the latest
    `issued_at` counts, in whatever order they arrive.
    """

    command_id: Id
    customer_id: CustomerId
    rule_id: Label | None = None
    action: Literal["acknowledge", "assign", "snooze", "resolve", "note", "override", "withdraw"]
    expected_seq: Count | None = None
    issued_at: Time
    issued_by: Id
    reason: Text | None = None
    until: Time | None = None
    assignee: Id | None = None
    schema: Literal["kizuna.command.v1"] = "kizuna.command.v1"
    band: Band | None = None

    def __post_init__(self) -> None:
        """An alert's command names its rule, a snooze its end, an assignment whose; an override all of it."""
        check_customer(self.customer_id)
        if self.action == "override":
            for name in ("band", "reason", "until"):
                if not getattr(self, name):
                    raise ValueError(f"`{name}` is required when `action` is override")
            if self.until is not None and self.until <= self.issued_at:
                raise ValueError("`until` is not after `issued_at`")
        elif self.action != "withdraw" and self.rule_id is None:
            raise ValueError("`rule_id` is required when `action` is about an alert")
        if self.action == "note" and not self.reason:
            raise ValueError("`reason` is required when `action` is note")
        if self.action == "snooze" and self.until is None:
            raise ValueError("`until` is required when `action` is snooze")
        if self.action == "assign" and self.assignee is None:
            raise ValueError("`assignee` is required when `action` is assign")
