"""A Document or Sheet on the terminal: one kind of box, one kind of bar, columns that fit a terminal of 100."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from synaptile.report.views.document import Bar, Document, Sheet

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def terminal(shown: Document | Sheet) -> RenderableType:
    """What a rich console prints. A title and a caption are as wide as the terminal, not as their table."""
    return Group(*(_sheet(shown) if isinstance(shown, Sheet) else _document(shown)))


def bar(cell: Bar) -> Text:
    """A bar filled to its fraction in steps of an eighth of a character; anything above 0 shows."""
    fraction, width = cell
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return Text(filled.ljust(width), style="red" if fraction > 1 else "blue")


def _sheet(sheet: Sheet) -> Iterator[RenderableType]:
    if sheet.title:
        yield Text(sheet.title, style="bold")
    if sheet.rows:
        yield _table(sheet)
    if sheet.caption:
        yield Text(f"{sheet.caption}\n", style="dim")


def _table(sheet: Sheet) -> Table:
    """Text may wrap. A figure never does: where it has no room it ends in an ellipsis, so that no digit is lost unseen."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, sheet.gap, 0, 0))
    for at, name in enumerate(sheet.header):
        text = sheet.is_text(at)
        table.add_column(
            Text(name),
            justify="left" if text or sheet.is_drawn(at) else "right",
            no_wrap=not text,
            overflow="fold" if text else "ellipsis",
        )
    for row in sheet.rows:
        table.add_row(*(bar(cell) if isinstance(cell, Bar) else Text(cell) for cell in row))
    return table


def _document(document: Document) -> Iterator[RenderableType]:
    if document.title:
        yield Text(document.title, style="bold")
    for warning in document.warnings:
        yield Text(warning, style="bold red")
    if document.facts:
        facts = Table.grid(padding=(0, 2, 0, 0))
        for name, value in document.facts:
            facts.add_row(Text(name), Text(value))
        yield facts
        yield Text()
    for sheet in document.sheets:
        yield from _sheet(sheet)
    for note in document.notes:
        yield Text(f"- {note}")
