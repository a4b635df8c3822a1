"""Function tables by their segments: one table."""

from __future__ import annotations

from synaptile.report.views.document import Document, Sheet
from synaptile.studies.functions import FunctionPoint, FunctionTradeOff

_COLUMNS = (
    "segments",
    "error",
    "Acc. (%)",
    "as ANN (%)",
    "corr.",
    "spikes",
    "outside",
    "SNN mJ",
    "ANN mJ",
    "ratio",
)


def functions_document(found: FunctionTradeOff) -> Document:
    """The trade-off of a network on a chip."""
    return Document(
        f"Function tables: {found.model} on {found.chip}, {found.images} images, T = {found.steps}",
        (
            Sheet(
                "Segments against agreement and energy, per image, rung 'executed'",
                _COLUMNS,
                tuple(_cells(point) for point in found.points),
                caption="Error: the largest of a table within its range, of the function that errs most. Spikes: millions. "
                "Outside: inputs beyond the range, thousands, which take its nearer end. As ANN: images with the original "
                "network's answer; correlation of logits with its own.",
            ),
        ),
    )


def _cells(point: FunctionPoint) -> tuple[str, ...]:
    worst = max(point.errors, key=lambda name: point.errors[name], default="")
    return (
        "software" if point.segments is None else f"{point.segments}",
        f"{point.errors[worst]:.1g} {worst}" if worst else "-",
        "-" if point.accuracy is None else f"{100 * point.accuracy:.2f}",
        f"{100 * point.agreement:.2f}",
        f"{point.correlation:.4f}",
        f"{point.spikes / 1e6:.3f}",
        f"{point.outside / 1e3:.1f}",
        f"{point.snn_pj / 1e9:.4g}",
        f"{point.ann_pj / 1e9:.4g}",
        f"{point.ratio:.4f}",
    )
