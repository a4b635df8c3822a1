"""Journals: a line per finished piece of work, appended and flushed to disk; a kill loses what is in flight and nothing else."""

from __future__ import annotations

import os
from pathlib import Path


def whole_lines(file: Path) -> list[bytes]:
    """The lines of a journal, none without a file. A last line that was not written whole, as a kill leaves it, is cut off."""
    if not file.exists():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with file.open("rb+") as opened:
            opened.truncate(len(whole))
    return whole.splitlines()


def append(file: Path, lines: bytes) -> None:
    """Add whole lines, on disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:
        opened.write(lines)
        opened.flush()
        os.fsync(opened.fileno())
