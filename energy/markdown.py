"""An EnergyReport as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from synaptile.energy.bill import Line
from synaptile.energy.energy_report import EnergyReport, Rung
from synaptile.energy.units import energy_text, ratio_text, share_text


def to_markdown(report: EnergyReport) -> str:
    """Ladder, ratio per step, kinds, layers, heaviest lines, fullest cores, prices and notes, as Markdown text."""
    activity, graph = report.activity, report.activity.program.graph
    blocks = [
        f"# Energy of {graph.name} on {report.chip.name}",
        f"{activity.images} images, {report.steps} steps, run in {activity.numeric}, billed at {report.number_format}. "
        "Energies are an image's.",
        "\n".join(f"- {note}" for note in report.notes),
        f"## Energy ladder, {report.steps} steps",
        _table(
            ("rung", "SNN", "ANN", "SNN / ANN", "SNN cheaper through", "what counts"),
            (
                (
                    rung.name,
                    energy_text(rung.snn_pj),
                    energy_text(rung.ann_pj),
                    ratio_text(rung.ratio),
                    _cheaper(rung),
                    rung.title,
                )
                for rung in report.ladder()
            ),
        ),
        "\n".join(f"- Rung `{name}` {why}." for name, why in report.missing.items()),
        *_rungs(report),
        "## Energy ratio per step (steps so far over one ANN pass)",
        _table(
            ("accounting", *(f"T={t}" for t in range(1, report.steps + 1))),
            (
                (name, *(("unpriced",) * report.steps if comparison.unpriced else map(ratio_text, comparison.ratios())))
                for name, comparison in report.comparisons.items()
            ),
        ),
        *_groups(report),
        "## Ten heaviest lines",
        line_table(report.heaviest()),
        *(("## Unpriced operations, in no total", line_table(report.unpriced)) if report.unpriced else ()),
        "## Ten costliest cores",
        _table(
            ("core", "kind", "tile", "neurons", "weight bits", "state bits", "ops", "energy", "share"),
            (
                (
                    f"{core.core}",
                    core.kind,
                    f"({core.x}, {core.y})",
                    f"{core.neurons:,} / {core.neurons_limit:,}",
                    f"{core.weight_bits_used:,} / {core.weight_bits_available:,}"
                    if core.weight_bits_available is not None
                    else f"{core.weight_bits_used:,} (in state)",
                    f"{core.state_bits_used:,} / {core.state_bits_available:,}",
                    f"{core.ops:,}",
                    energy_text(core.energy_pj),
                    share_text(core.share),
                )
                for core in sorted(report.cores, key=lambda core: -core.energy_pj)[:10]
            ),
        ),
        f"## Prices at {report.number_format}",
        _table(
            ("op", "pJ", "source"),
            (
                (op, "unpriced" if price.pj is None else f"{price.pj:g}", price.source)
                for prices in (report.prices, *(added.snn.prices for added in report.additions.values()))
                for op, price in prices.items()
            ),
        ),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def line_table(lines: Sequence[Line]) -> str:
    """Lines opened as op x count x pJ, as a Markdown table."""
    return _table(
        ("node", "role", "op", "count", "images", "pJ each", "energy an image", "source"),
        (
            (
                line.node,
                line.role,
                line.op,
                f"{line.count:,}",
                f"{line.images:,}",
                "unpriced" if line.price.pj is None else f"{line.price.pj:g}",
                "unpriced" if line.energy_pj is None else energy_text(line.energy_pj),
                line.price.source,
            )
            for line in lines
        ),
    )


def _cheaper(rung: Rung) -> str:
    if rung.cheaper_through is None:
        return "unpriced"
    return f"T={rung.cheaper_through}" if rung.cheaper_through else "no step"


def _rungs(report: EnergyReport) -> Iterable[str]:
    if not report.additions:
        return
    yield "## What each rung adds"
    yield _table(
        ("rung", "SNN", "of the SNN", "ANN"),
        (
            (piece.name, energy_text(piece.snn_pj), share_text(piece.share), energy_text(piece.ann_pj or 0.0))
            for piece in report.split("rung")
        ),
    )


def _groups(report: EnergyReport) -> Iterable[str]:
    for accounting, key in ((name, key) for name in dict.fromkeys(("executed", report.top)) for key in ("kind", "layer")):
        yield f"## Energy per {key}, {report.steps} steps, rung {accounting}"
        yield _table(
            (key, "SNN", "ANN", "SNN / ANN", "share of ratio"),
            (
                (
                    group.name,
                    energy_text(group.snn_pj),
                    energy_text(group.ann_pj),
                    ratio_text(group.ratio),
                    share_text(group.share),
                )
                for group in report.by(key, accounting=accounting)
            ),
        )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
