"""A graph that does not fit a chip: what is short, by how much, and what would help."""

from __future__ import annotations

from synaptile.mapper.refusal import DoesNotFit
from synaptile.report.views.document import Document, Sheet


def refusal_document(error: DoesNotFit) -> Document:
    """Resource, demand, limit and gap, the binding one first, with what would fix it."""
    rows = tuple(
        (
            shortfall.resource,
            f"{shortfall.demand:,}",
            f"{shortfall.limit:,}",
            f"{shortfall.demand - shortfall.limit:,}",
            shortfall.unit,
            f"{shortfall.demand / shortfall.limit:.2f}x" if shortfall.limit else "none there",
            shortfall.where.rstrip(","),
        )
        for shortfall in error.shortfalls
    )
    header = ("resource", "needs", "limit", "short by", "unit", "demand / limit", "where")
    levers = tuple(f"{shortfall.resource}: {'; or '.join(shortfall.levers)}" for shortfall in error.shortfalls)
    sheet = Sheet("", header, rows, prose=("unit", "where"))
    return Document(f"{error.graph} does not fit {error.chip}", (sheet,), notes=levers)
