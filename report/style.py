"""How tables look: one box, one bar, columns that fit a terminal of 100."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from synaptile.foundation.html import card, grid, notes

WIDTH = 100
"""Columns that every table fits in."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass
class Sheet:
    """A table between its title and a caption, both as wide as the terminal and not as the table."""

    title: str
    table: Table
    caption: str = ""
    left: int = 1
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str | Text) -> None:
        """Add one row, a cell a column."""
        self.table.add_row(*cells)
        self.rows.append(tuple(cell.plain if isinstance(cell, Text) else cell for cell in cells))

    def _repr_html_(self) -> str:
        header = [str(column.header) for column in self.table.columns]
        return card(self.title, grid(header, self.rows, left=self.left, most=len(self.rows)), notes(self.caption.splitlines()))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.title, style="bold")
        if self.rows:
            yield self.table
        if self.caption:
            yield Text(f"{self.caption}\n", style="dim")


def new_sheet(
    title: str,
    *columns: str,
    left: int = 1,
    bars: Collection[int] = (),
    prose: Collection[str] = (),
    caption: str = "",
    gap: int = 1,
) -> Sheet:
    """An empty sheet. The first `left` columns, those in `bars` and those named in `prose` are aligned left, figures right.

    Text may wrap. A figure never does: where it has no room it ends in an ellipsis, so that no digit is lost unseen.
    `gap` is the padding right of a column.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))
    for index, column in enumerate(columns):
        text = index < left or column in prose
        table.add_column(
            column,
            justify="left" if text or index in bars else "right",
            no_wrap=not text,
            overflow="fold" if text else "ellipsis",
        )
    return Sheet(title, table, caption, left)


def bar(fraction: float, cells: int = 10) -> Text:
    """A bar of `cells` characters, filled to `fraction` (0..1) in steps of an eighth; anything above 0 shows."""
    eighths = round(min(max(fraction, 0.0), 1.0) * cells * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return Text(filled.ljust(cells), style="red" if fraction > 1 else "blue")


def percent(fraction: float) -> str:
    """A fraction in percent, one decimal; below 0.05 % but not zero it says so."""
    return "<0.1 %" if 0 < fraction < 0.0005 else f"{100 * fraction:.1f} %"


def five(value: float, decimals: int) -> str:
    """A figure in at most five characters, as long as its whole part fits: 77.41, 100.0, 0.375, 12.50."""
    whole = len(f"{value:.{decimals}f}".partition(".")[0])
    return f"{value:.{max(0, min(decimals, 4 - whole))}f}"


def shown_steps(steps: int, most: int = 12) -> tuple[int, ...]:
    """Which steps a table shows: all up to `most`, else `most` of them spread evenly, first and last among them."""
    if steps <= most:
        return tuple(range(1, steps + 1))
    return tuple(int(step) for step in np.unique(np.linspace(1, steps, most).round().astype(int)))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
