"""What every view is made of: a `Sheet` is one table as text, a `Document` is sheets with facts, warnings and notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from synaptile.foundation.shown import Shown


class Bar(NamedTuple):
    """A cell that is drawn: `fraction` (0..1, beyond it the bar is full and marked) of `width` characters."""

    fraction: float
    width: int = 10


Cell = str | Bar


@dataclass(frozen=True, repr=False)
class Sheet(Shown):
    """A table between its title and its caption; a caption may have several lines.

    `rows` have one cell per entry of `header`. The first `left` columns and those named in `prose` are text, which may wrap;
    columns of bars are aligned as text, all others hold figures, which never wrap. `folded` sheets open on a click where there
    are clicks. `gap` is the padding right of a column on the terminal.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: int = 1
    caption: str = ""
    folded: bool = False
    prose: tuple[str, ...] = ()
    gap: int = 1

    def is_text(self, column: int) -> bool:
        """Whether a column holds text rather than figures."""
        return column < self.left or self.header[column] in self.prose

    def is_drawn(self, column: int) -> bool:
        """Whether a column holds bars."""
        return any(isinstance(row[column], Bar) for row in self.rows)

    def first(self, most: int) -> Sheet:
        """The sheet cut to its first `most` rows, with a caption that says how many are left out."""
        rest = len(self.rows) - most
        more = f"and {rest:,} more: to_arrow() and to_pandas() have them all"
        return self if rest <= 0 else replace(self, rows=self.rows[:most], caption=f"{self.caption}\n{more}".lstrip("\n"))


@dataclass(frozen=True, repr=False)
class Document(Shown):
    """One result, ready to be read: warnings first, then facts (name beside value), sheets and notes.

    Where `notes_title` is given, notes fold under it where there are clicks.
    """

    title: str
    sheets: tuple[Sheet, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    notes_title: str = ""
