"""A document on the terminal. No text of it is read as markup."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from synaptile.report import style
from synaptile.report.views.document import Document, Sheet


def print_document(document: Document, console: Console) -> None:
    """Print the whole document; a title longer than the terminal is wide is left to it to wrap."""
    console.print(Text(document.title), soft_wrap=True)
    for warning in document.warnings:
        console.print(Text(warning, style="bold red"))
    for label, text in document.facts:
        console.print(Text(f"{label}: {text}"))
    for sheet in document.sheets:
        console.print(printed(sheet))
    for note in document.notes:
        console.print(Text(f"- {note}"))


def printed(sheet: Sheet) -> style.Sheet:
    """A table between its title and its caption, for `Console.print`."""
    table = style.new_sheet(sheet.title, *sheet.header, left=sheet.left, prose=sheet.prose, caption=sheet.caption)
    for row in sheet.rows:
        table.add_row(*map(Text, row))
    return table
