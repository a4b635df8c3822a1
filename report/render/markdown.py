"""A document as Markdown text."""

from __future__ import annotations

from synaptile.report.style import markdown_table
from synaptile.report.views.document import Document, Sheet


def markdown(document: Document) -> str:
    """The whole document."""
    blocks = [
        f"# {document.title}",
        "\n".join(f"- **{warning}**" for warning in document.warnings),
        "\n".join(f"- {label}: {text}" for label, text in document.facts),
        *(markdown_sheet(sheet) for sheet in document.sheets),
        "\n".join(f"- {note}" for note in document.notes),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def markdown_sheet(sheet: Sheet) -> str:
    """A heading, the table and its caption."""
    blocks = [f"## {sheet.title}", markdown_table(sheet.header, sheet.rows) if sheet.rows else "", sheet.caption]
    return "\n\n".join(filter(None, blocks))
