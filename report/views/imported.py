"""A chip made of another tool's file: what was taken, what has no place, what stays as in the chip below."""

from __future__ import annotations

from synaptile.hwmodels.foreign.imported import ImportedChip
from synaptile.report.numbers import figure_text
from synaptile.report.views.document import Document, Sheet

MOST_ROWS = 400


def imported_document(imported: ImportedChip) -> Document:
    """Figures taken with their places in the file; what was left out and why; the figures that are those of the chip below."""
    chip, below = imported.chip, imported.inherited
    values = {name: value for name, value, _ in chip.figures()}
    taken = tuple((one.figure, _text(one.value), one.place) for one in imported.taken)
    rest = tuple((name, figure_text(values[name]), chip.origin(name)) for name in below)
    sheets = (
        Sheet(
            f"{len(taken)} figures and properties from {imported.file}", ("figure", "value", "place in the file"), taken, left=3
        ),
        Sheet("Left out, or taken otherwise", ("place in the file", "why"), imported.left_out, left=2).first(MOST_ROWS),
        Sheet(f"{len(rest)} figures of {imported.base}", ("figure", "value", "where it comes from"), rest, left=3, folded=True),
    )
    return Document(f"{chip.name}: {imported.base} with what {imported.file} states", tuple(s for s in sheets if s.rows))


def _text(value: object) -> str:
    return "none" if value is None else figure_text(value)
