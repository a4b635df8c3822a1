"""A document as HTML for a notebook."""

from __future__ import annotations

from synaptile.foundation.html import card, facts, folded, grid, notes, prose, warning
from synaptile.report.views.document import Document


def html(document: Document) -> str:
    """A titled card; every text is escaped."""
    parts = [*map(warning, document.warnings), *([facts(document.facts)] if document.facts else [])]
    for sheet in document.sheets:
        table, caption = grid(sheet.header, sheet.rows, left=sheet.left), notes(sheet.caption.splitlines())
        parts += [folded(sheet.title, table, caption)] if sheet.folded else [prose(sheet.title), table, caption]
    return card(document.title, *parts, notes(document.notes))
