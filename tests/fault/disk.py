"""A small disk of its own for the broker, that can be filled to the last byte and freed again."""

import errno
import os
import subprocess
from pathlib import Path

__all__ = ["SmallDisk"]

BALLAST = "ballast"
PIECE = 1024 * 1024


class SmallDisk:
    """A tmpfs at `place`; open with `mount`, close with `unmount`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @classmethod
    def mount(cls, place: Path, megabytes: int) -> "SmallDisk | str":
        """The disk, or why this machine does not allow one."""
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"no mount command: {error.strerror}"
        if answer.returncode != 0:
            return f"mounting a tmpfs is not allowed: {answer.stderr.strip()}"
        return cls(place)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=False)

    def fill(self) -> None:
        """Not one byte is free when this returns."""
        with (self.place / BALLAST).open("ab") as ballast:
            size, piece = ballast.tell(), PIECE
            while piece:
                try:
                    os.posix_fallocate(ballast.fileno(), size, piece)
                    size += piece
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    piece //= 2

    def free(self) -> None:
        """What `fill` took."""
        (self.place / BALLAST).unlink(missing_ok=True)
