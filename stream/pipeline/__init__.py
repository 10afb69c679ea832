"""What one run of records does: bytes in, `Effects` out. Everything between is pure."""

from stream.pipeline.effects import DeadLetter, Effects
from stream.pipeline.record import FileRecord, Record
from stream.pipeline.step import Pipeline

__all__ = ["DeadLetter", "Effects", "FileRecord", "Pipeline", "Record"]
