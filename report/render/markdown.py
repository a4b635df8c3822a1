"""A Document or Sheet as Markdown text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from synaptile.report.views.document import Bar, Document, Sheet


def markdown(shown: Document | Sheet) -> str:
    """Markdown text that ends in a line break. Bars are left out: they say what a figure beside them says."""
    blocks = _sheet(shown) if isinstance(shown, Sheet) else _document(shown)
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown_list(items: Iterable[str]) -> str:
    """A line per item, bulleted."""
    return "\n".join(f"- {item}" for item in items)


def _document(document: Document) -> Iterator[str]:
    yield f"# {document.title}"
    yield markdown_list(document.warnings)
    yield markdown_list(f"{name}: {value}" for name, value in document.facts)
    for sheet in document.sheets:
        yield from _sheet(sheet)
    if document.notes_title and document.notes:
        yield f"## {document.notes_title[0].upper()}{document.notes_title[1:]}"
    yield markdown_list(document.notes)


def _sheet(sheet: Sheet) -> Iterator[str]:
    yield f"## {sheet.title}" if sheet.title else ""
    kept = [at for at in range(len(sheet.header)) if not sheet.is_drawn(at)]
    rows = [[cell for cell in (row[at] for at in kept) if not isinstance(cell, Bar)] for row in sheet.rows]
    if rows:
        yield markdown_table([sheet.header[at] for at in kept], rows)
    yield "\n\n".join(sheet.caption.splitlines())
