"""write_page: an EnergyReport, and its schedule where it has one, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.files import write_text
from synaptile.report.page.audit import audit_document
from synaptile.report.page.chip_view import core_columns, core_lines, link_columns, mesh_document, part_columns
from synaptile.report.page.overview import overview_document
from synaptile.report.page.render import packed, render
from synaptile.report.page.schedule_view import bins_document, schedule_summary, steps_document
from synaptile.report.page.spike_view import spike_document

SCRIPTS = (
    "theme.js",
    "base.js",
    "lines.js",
    "overview.js",
    "energy.js",
    "core.js",
    "mesh.js",
    "chip.js",
    "step.js",
    "timeline.js",
    "spikes.js",
    "sources.js",
    "main.js",
)
"""The page's scripts, in order: each may use those before it."""


def page_text(
    report: EnergyReport,
    labels: Sequence[int] | NDArray[np.integer] | None = None,
    *,
    ann_accuracy: float | None = None,
    ann_logits: NDArray[Any] | None = None,
) -> str:
    """The page as HTML text.

    `labels` (one per image), `ann_accuracy` (0..1), `ann_logits` as in `views.run.table1`. What is small stands in the page
    as JSON; what grows with cores and nodes stands there compressed. Raises InputError where labels and images do not match.
    """
    timeline = report.timeline
    small = overview_document(report, labels, ann_accuracy=ann_accuracy, ann_logits=ann_logits)
    small["mesh"] = mesh_document(report)
    small["schedule"] = None if timeline is None else schedule_summary(timeline)
    large = {
        "audit": audit_document(report),
        "cores": core_columns(report),
        "parts": part_columns(report),
        "core_lines": core_lines(report),
        "spikes": spike_document(report.activity),
        "links": None if timeline is None else link_columns(timeline),
        "bins": None if timeline is None else bins_document(timeline),
        "steps": None if timeline is None else steps_document(timeline),
    }
    return render(
        "page.html.j2",
        SCRIPTS,
        title=f"{small['graph']['name']} on {small['chip']['name']}",
        small=small,
        large=packed(large),
    )


def write_page(
    report: EnergyReport,
    path: str | Path,
    labels: Sequence[int] | NDArray[np.integer] | None = None,
    *,
    ann_accuracy: float | None = None,
    ann_logits: NDArray[Any] | None = None,
) -> Path:
    """Write `page_text` to `path`, atomically. Returns the path."""
    write_text(path, page_text(report, labels, ann_accuracy=ann_accuracy, ann_logits=ann_logits))
    return Path(path)
