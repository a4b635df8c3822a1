"""Time, power, area and energy-delay products of both sides, rung by rung; nothing where no schedule gives the time."""

from __future__ import annotations

from collections.abc import Callable

from synaptile.energy import EnergyReport
from synaptile.energy.performance import Efficiency, SideTime
from synaptile.report.numbers import count_text, ratio_text, scaled_text, time_text
from synaptile.report.views.document import Sheet


def power_tables(report: EnergyReport, *, step: int | None = None) -> tuple[Sheet, ...]:
    """Time and area, then power and energy-delay product of every rung through `step` (default: all); none without a schedule."""
    if report.performance is None:
        return ()
    return time_table(report), power_table(report, step=step), product_table(report, step=step)


def time_table(report: EnergyReport) -> Sheet:
    """Latency, interval and throughput of both sides; area of all dies."""
    found = report.performance
    assert found is not None
    rows = [
        ("latency of an image", time_text(1e3 * found.snn.latency_s), time_text(1e3 * found.ann.latency_s)),
        ("interval between images", _interval(found.snn), _interval(found.ann)),
        ("throughput", _throughput(found.snn), _throughput(found.ann)),
        ("area of all dies", *(2 * ("not stated" if found.area_mm2 is None else f"{found.area_mm2:,.4g} mm2",))),
    ]
    streamed = f"a stream of {found.images:,} images" if found.images > 1 else "one image alone, which has no throughput"
    caption = f"Each side by its own schedule on the same cores, {streamed}."
    return Sheet(f"Time and area, {report.steps} steps", ("", "SNN", "ANN"), tuple(rows), caption=caption)


def power_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """Average power and power density of SNN and ANN on every rung."""

    def cells(sides: tuple[Efficiency, Efficiency]) -> tuple[str, ...]:
        density = ("-" if one.w_per_mm2 is None else f"{scaled_text(one.w_per_mm2, 'W')}/mm2" for one in sides)
        return (*(scaled_text(one.power_w, "W") for one in sides), *density)

    header = ("rung", "SNN", "ANN", "SNN, density", "ANN, density")
    caption = "Energy per image over the interval of a stream, else over the latency."
    return _per_rung(report, step, "Average power", header, caption, cells)


def product_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """Images per joule and energy-delay product of SNN and ANN on every rung."""

    def cells(sides: tuple[Efficiency, Efficiency]) -> tuple[str, ...]:
        snn, ann = sides
        ratio = ratio_text(snn.edp_js / ann.edp_js if ann.edp_js else None)
        return (*(count_text(one.images_per_joule) for one in sides), *(scaled_text(one.edp_js, "Js") for one in sides), ratio)

    header = ("rung", "SNN, images/J", "ANN, images/J", "SNN, EDP", "ANN, EDP", "SNN / ANN")
    return _per_rung(report, step, "Energy-delay product", header, "EDP: energy per image x latency.", cells)


def _per_rung(
    report: EnergyReport,
    step: int | None,
    title: str,
    header: tuple[str, ...],
    caption: str,
    cells: Callable[[tuple[Efficiency, Efficiency]], tuple[str, ...]],
) -> Sheet:
    priced = [rung.name for rung in report.ladder(step=step) if rung.ratio is not None]
    rows = tuple((name, *cells(report.efficiency(name, step=step))) for name in priced)
    return Sheet(f"{title} after {step or report.steps} steps, {report.number_format}", header, rows, caption=caption)


def _interval(side: SideTime) -> str:
    return "-" if side.interval_s is None else time_text(1e3 * side.interval_s)


def _throughput(side: SideTime) -> str:
    return "-" if side.images_per_second is None else f"{side.images_per_second:,.1f} images/s"
