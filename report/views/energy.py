"""Where the energy goes: ladder, splits, groups of nodes, ratios per step, lines opened to the price, cores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.energy import CoreUse, EnergyReport, Line, Rung
from synaptile.hwmodels.parameters import KIB_BITS
from synaptile.report.numbers import energy_text, percent, ratio_text
from synaptile.report.views.document import Bar, Cell, Sheet


def ladder_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """The energy ladder through `step` (default: all), SNN and ANN side by side on every rung; what is missing and why."""
    rungs = (
        (
            rung.name,
            rung.title,
            energy_text(rung.snn_pj),
            energy_text(rung.ann_pj),
            "unpriced" if rung.ratio is None else ratio_text(rung.ratio),
            cheaper_text(rung),
        )
        for rung in report.ladder(step=step)
    )
    missing = ((name, why, "-", "-", "-", "-") for name, why in report.missing.items())
    return Sheet(
        f"Energy ladder after {step or report.steps} steps, {report.number_format}, per image",
        ("rung", "what counts", "SNN", "ANN", "SNN / ANN", "SNN cheaper"),
        (*rungs, *missing),
        left=2,
    )


def cheaper_text(rung: Rung) -> str:
    """Up to which step the SNN is cheaper."""
    if rung.cheaper_through is None:
        return "unpriced"
    return f"to T={rung.cheaper_through}" if rung.cheaper_through else "never"


def ratios_table(report: EnergyReport) -> Sheet:
    """SNN / ANN of every accounting and rung at each step."""
    rows = (
        (name, *(("unpriced",) * report.steps if comparison.unpriced else map(ratio_text, comparison.ratios())))
        for name, comparison in report.comparisons.items()
    )
    header = ("accounting", *(f"T={step}" for step in range(1, report.steps + 1)))
    return Sheet("SNN / ANN at each step: steps so far over one ANN pass", header, tuple(rows))


def split_table(report: EnergyReport, key: str, *, accounting: str | None = None, count: int = 10) -> Sheet:
    """The SNN's energy by "rung" or "step", or the `count` largest pieces of it by "node", "core" or "link"."""
    pieces = report.split(key, accounting=accounting)
    total = len(pieces)
    if key in ("node", "core", "link"):
        pieces = tuple(sorted(pieces, key=lambda piece: -piece.snn_pj))[:count]
    top = max((piece.share for piece in pieces), default=0.0)
    shown = f"the {len(pieces)} largest of {total}" if len(pieces) < total else f"all {total}"
    return Sheet(
        f"Energy of the SNN by {key}, {shown}, up to rung {'noc' if key == 'link' else accounting or report.top}",
        (key, "SNN", "of SNN", "", "ANN"),
        tuple(
            (
                piece.name,
                energy_text(piece.snn_pj),
                percent(piece.share),
                Bar(piece.share / top if top else 0.0),
                "-" if piece.ann_pj is None else energy_text(piece.ann_pj),
            )
            for piece in pieces
        ),
    )


def group_table(report: EnergyReport, key: str, *, accounting: str = "executed", step: int | None = None) -> Sheet:
    """Energy per "kind", "layer" or "node" through `step` on one rung, with each group's part in the whole ratio."""
    groups = report.by(key, accounting=accounting, step=step)
    top = max((group.share for group in groups), default=0.0)
    return Sheet(
        f"Energy per {key} after {step or report.steps} steps, accounting {accounting}, {report.number_format}",
        (key, "SNN", "ANN", "SNN / ANN", "of ANN total", ""),
        tuple(
            (
                group.name,
                energy_text(group.snn_pj),
                energy_text(group.ann_pj),
                ratio_text(group.ratio),
                percent(group.share),
                Bar(group.share / top if top else 0.0),
            )
            for group in groups
        ),
        caption="The last figure is the SNN's energy there over the whole ANN's; it sums to the energy ratio.",
    )


def heaviest_table(report: EnergyReport, count: int = 10, *, step: int | None = None, exact: bool = False) -> Sheet:
    """The heaviest lines of the highest rung opened: op x count x pJ, and below them where each price comes from.

    `exact` lines have the count over all images, others the count per image.
    """
    lines = report.heaviest(count, step=step)
    return _line_table(f"The {len(lines)} heaviest lines of the SNN, up to rung {report.top}", lines, report, exact=exact)


def unpriced_table(report: EnergyReport, *, exact: bool = False) -> Sheet:
    """Operations that were issued and have no price: they stand in no total."""
    return _line_table("UNPRICED operations, in no total", report.unpriced, report, exact=exact)


def _line_table(title: str, lines: Sequence[Line], report: EnergyReport, *, exact: bool) -> Sheet:
    whole = report.comparison(report.top).snn_pj[-1]
    sources = {line.op: line.price.source for line in lines}
    counts = ("count", "images") if exact else ("count / image",)
    return Sheet(
        title,
        ("node", "role", "op", *counts, "x pJ", "= energy", "of SNN"),
        tuple(
            (
                line.node,
                line.role,
                line.op,
                *((f"{line.count:,}", f"{line.images:,}") if exact else (_per_image(line),)),
                "unpriced" if line.price.pj is None else f"{line.price.pj:g}",
                energy_text(line.energy_pj),
                percent(line.energy_pj / whole) if line.energy_pj is not None and whole else "-",
            )
            for line in lines
        ),
        left=3,
        caption="\n".join(f"{op}: {source}" for op, source in sources.items()),
    )


def _per_image(line: Line) -> str:
    count = line.count / line.images
    return f"{count:,.0f}" if count >= 100 or count.is_integer() else f"{count:,.2f}"


def prices_table(report: EnergyReport) -> Sheet:
    """Every price with its source, those of executed operations first."""
    rows = tuple(
        (op, "unpriced" if price.pj is None else f"{price.pj:g}", price.source)
        for prices in (report.prices, *(added.snn.prices for added in report.additions.values()))
        for op, price in prices.items()
    )
    return Sheet(f"Prices at {report.number_format}", ("op", "pJ", "source"), rows, prose=("source",))


def utilisation_table(report: EnergyReport) -> Sheet:
    """Least, median and most used core of each kind, for neurons, memories and energy."""
    rows: list[tuple[Cell, ...]] = []
    for kind in dict.fromkeys(core.kind for core in report.cores):
        cores = [core for core in report.cores if core.kind == kind]
        names = (kind, f"{len(cores):,}")
        for what, used, limit in _resources(cores):
            middle = float(np.median(used))
            amounts = (_amount(what, value) for value in (min(used), middle, max(used)))
            last = ("-", "") if limit is None else (_amount(what, limit), Bar(middle / limit))
            rows.append((*names, what, *amounts, *last))
            names = ("", "")
    return Sheet(
        f"Use of the {len(report.cores)} cores on {report.activity.program.chip.name}, energy up to rung {report.top}",
        ("kind", "cores", "what", "least", "median", "most", "limit per core", "median"),
        tuple(rows),
        prose=("what",),
    )


def fullest_cores_table(report: EnergyReport, count: int = 10) -> Sheet:
    """The `count` cores whose memory is fullest, with what they issue and cost."""
    cores = sorted(report.cores, key=lambda core: (-core.memory_use, core.core))[:count]
    return _core_table(f"The {len(cores)} fullest cores, energy up to rung {report.top}", cores, report)


def hottest_cores_table(report: EnergyReport, count: int = 5) -> Sheet:
    """The `count` cores that cost most, and where the chip states areas the `count` of most energy, or power, per mm2."""
    rankings = [("energy", sorted(report.cores, key=lambda core: (-core.energy_pj, core.core))[:count])]
    powered = any(core.w_per_mm2 is not None for core in report.cores)
    if any(core.area_mm2 is not None for core in report.cores):
        dense = sorted(report.cores, key=lambda core: (-(core.pj_per_mm2 or 0.0), core.core))[:count]
        rankings.append(("W/mm2" if powered else "energy per mm2", dense))
    rows = [
        (
            ranking,
            f"{core.core} {core.kind}",
            f"{core.x},{core.y}",
            energy_text(core.energy_pj),
            percent(core.share),
            "-" if core.area_mm2 is None else f"{core.area_mm2:.4g}",
            "-" if core.pj_per_mm2 is None else energy_text(core.pj_per_mm2),
            "-" if core.w_per_mm2 is None else f"{core.w_per_mm2:.3g}",
        )
        for ranking, cores in rankings
        for core in cores
    ]
    return Sheet(
        f"The {count} hottest cores, up to rung {report.top}",
        ("ranked by", "core", "tile", "energy", "of all cores", "mm2", "per mm2", "W/mm2"),
        tuple(rows),
        caption="Energy per image; W/mm2 over the time that an image takes in the schedule."
        + ("" if powered else " No W/mm2: it needs a schedule and a chip that states areas."),
    )


def _core_table(title: str, cores: Sequence[CoreUse], report: EnergyReport) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for core in cores:
        state, weights = core.state_bits_used / core.state_bits_available, core.weight_share
        rows.append(
            (
                f"{core.core} {core.kind}",
                f"{core.x},{core.y}",
                percent(core.neurons / core.neurons_limit),
                *(("in state", "") if weights is None else (percent(weights), Bar(weights, 6))),
                percent(state),
                Bar(state, 6),
                f"{core.ops / report.activity.images:,.0f}",
                energy_text(core.energy_pj),
                percent(core.share),
            )
        )
    header = ("core", "tile", "neurons", "weights", "", "state", "", "ops/image", "energy", "of all")
    return Sheet(title, header, tuple(rows), caption="The memory of an EC core holds state and weights together.")


def _resources(cores: Sequence[CoreUse]) -> list[tuple[str, list[float], float | None]]:
    """What a kind of core uses: name, use of each core, limit of one core."""
    first = cores[0]
    resources: list[tuple[str, list[float], float | None]] = [("neurons", [core.neurons for core in cores], first.neurons_limit)]
    if first.weight_bits_available is not None:
        weights = [core.weight_bits_used / KIB_BITS for core in cores]
        resources.append(("weight KiB", weights, first.weight_bits_available / KIB_BITS))
    resources.append(("state KiB", [core.state_bits_used / KIB_BITS for core in cores], first.state_bits_available / KIB_BITS))
    resources.append(("energy", [core.energy_pj for core in cores], None))
    return resources


def _amount(what: str, value: float) -> str:
    return energy_text(value) if what == "energy" else f"{value:,.1f}" if what.endswith("KiB") else f"{value:,.0f}"
