"""Every error that a person may see, in one tree.

    KizunaError                 exit 1: the job failed; nothing half written
    |-- ConfigError             exit 2: wrong use or configuration; nothing was started
    |   `-- ModelError          parameters that must not be used
    |-- BrokerError             Kafka cannot be reached or is not laid out as declared
    |-- DataError               a file or a history that cannot be read
    |-- RefusedError            a worker or a receiver did not do what a person asked for
    |-- DownloadError           a pinned download was refused or is not what was locked
    `-- StateError              stored state of another layout; stop, never overwrite

Bad input records are none of these: they become dead letters (`schemas.dead_letter`) and the worker goes on.
"""

__all__ = [
    "BrokerError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "KizunaError",
    "ModelError",
    "RefusedError",
    "StateError",
]


class KizunaError(Exception):
    """What went wrong in one sentence, and what to do next.

    Args:
        message: one sentence, no trailing newline.
        hint: the next step a person should take; empty if there is none.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(KizunaError):
    """Wrong use or configuration: found before anything starts."""

    exit_code = 2


class BrokerError(KizunaError):
    """Kafka is unreachable, or a topic is missing or not as declared."""


class DataError(KizunaError):
    """A file or history that cannot be read as what it claims to be."""


class RefusedError(KizunaError):
    """What a person asked for was not done: by a worker, in time or at all; or by a receiver of alerts."""


class DownloadError(KizunaError):
    """A pinned download was refused, or its checksum is not the locked one."""


class ModelError(ConfigError):
    """Parameters that cannot be read, or are outside their domain."""


class StateError(KizunaError):
    """Stored rows of another layout or other statistics, or torn bytes. Never repaired, never overwritten."""
