"""A comparison as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synaptile.foundation.files import write_text
from synaptile.report.comparison import Changes
from synaptile.report.page.render import render


def write_comparison_page(parts: Sequence[Changes], names: tuple[str, str], path: str | Path) -> Path:
    """Write the parts of a comparison of `names` (A, B) to `path`, atomically. Returns the path."""
    write_text(path, render("compare.html.j2", ("theme.js",), parts=parts, names=names))
    return Path(path)
