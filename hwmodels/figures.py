"""A chip's figures in a flat list: dotted names, values, and how they read."""

from __future__ import annotations

from synaptile.hwmodels.chip import PROSE


def chip_figures(document: object, prefix: str = "") -> list[tuple[str, object]]:
    """Dotted names and values of the leaves of a chip document that carry figures or properties."""
    if not isinstance(document, dict):
        return [(prefix, document)]
    if "value" in document:
        return [(prefix, document["value"])]
    found: list[tuple[str, object]] = []
    for key, value in document.items():
        if not prefix and key in ("name", *PROSE):
            continue
        found += chip_figures(value, f"{prefix}.{key}" if prefix else key)
    return found


def figure_text(value: object) -> str:
    """A figure or property of a chip as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
