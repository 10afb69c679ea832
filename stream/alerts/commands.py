"""What people decide about an alert, applied to its slot."""

__all__ = ["MAX_SNOOZE_DAYS", "reserved"]

MAX_SNOOZE_DAYS = 90
"""A snooze is for a time; who wants to hear nothing for longer resolves the alert, or changes the rule."""
OURS = "kizuna"


def reserved(author: str) -> bool:
    """Whether no person can be called so: our own name, or one that begins with a control character."""
    return author < " " or author.strip().casefold() == OURS
