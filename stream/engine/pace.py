"""How many records a step may take: as many as it can do in about a second.

A step is one transaction, and Kafka's time limits count while it is computed. On a starved machine, or where
every record is another customer, the largest step would take longer than a request may.
"""

__all__ = ["LEAST", "SLOW_S", "Pace"]

SLOW_S = 1.0
FAST_S = 0.25
LEAST = 500


class Pace:
    """Halves after a slow step, doubles after a fast one that was full.

    Args:
        most: records of a step, whatever happens.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.records = most

    def took(self, n_records: int, seconds: float) -> None:
        """Learn from a step.

        Args:
            n_records: it took.
            seconds: of computing, by the wall.
        """
        if seconds > SLOW_S:
            self.records = max(min(LEAST, self._most), min(n_records, self.records) // 2)
        elif seconds < FAST_S and n_records >= self.records:
            self.records = min(self._most, 2 * self.records)
