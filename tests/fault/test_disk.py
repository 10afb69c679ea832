"""The small disk is full when it says so."""

from pathlib import Path

import pytest

from tests.fault.disk import SmallDisk


def test_a_filled_disk_takes_no_byte_and_a_freed_one_does(tmp_path: Path) -> None:
    """What the broker meets in `disk_full`, without a broker."""
    disk = SmallDisk.mount(tmp_path / "disk", 8)
    if isinstance(disk, str):
        pytest.skip(disk)
    file = disk.place / "file"
    try:
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            file.write_bytes(b"x")
        disk.free()
        file.write_bytes(b"x" * 1_000_000)
        assert file.stat().st_size == 1_000_000
    finally:
        disk.unmount()
