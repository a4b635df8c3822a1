"""What doubling each resource brings, and what mapping for time is expected to bring."""

from __future__ import annotations

from synaptile.mapper import CoreProgram
from synaptile.report.views.document import Sheet
from synaptile.simulator.schedule.relief import Relief


def relief_sheet(relief: Relief) -> Sheet:
    """A row per resource, the most helpful first."""
    rows = [("as it is", "", f"{relief.latency_cycles:,}", "", f"{relief.interval_cycles:,.0f}", "")]
    for row in relief.rows:
        latency = _change(row.latency_cycles, relief.latency_cycles)
        interval = _change(row.interval_cycles, relief.interval_cycles)
        after = f"{row.after:,g}" + ("*" if row.mapped_anew else "")
        rows.append((row.resource, after, f"{row.latency_cycles:,}", latency, f"{row.interval_cycles:,.0f}", interval))
    notes = ["Twice of each resource (half a delay), cycles of one image and between images; the clock halves all of them."]
    notes += ["* mapped anew"] * any(row.mapped_anew for row in relief.rows)
    notes += [f"{resource} was not tried: {why}" for resource, why in relief.not_tried]
    streamed = f"{relief.images} image{'s' if relief.images > 1 else ''}"
    return Sheet(
        f"What relieves {relief.graph} on {relief.chip}, {streamed}",
        ("resource", "now", "latency", "", "interval", ""),
        tuple(rows),
        caption="\n".join(notes),
    )


def balance_text(program: CoreProgram) -> str:
    """A sentence on what the mapping gains over one for room; empty where room was the goal."""
    balance = program.balance
    if balance is None:
        return ""
    what = "latency of an image" if balance.goal == "latency" else "interval between images"
    if not balance.gains:
        return (
            f"Balanced for {balance.goal}: no mapping on the cores of the board is expected to be faster than the one for room, "
            "which was taken. More cores per chip (mesh, cores per tile) or more memory per core would help."
        )
    return (
        f"Balanced for {balance.goal}: {what} expected {balance.expected_cycles:,.0f} cycles, as mapped for room "
        f"{balance.room_cycles:,.0f} ({balance.steps} steps, network not counted; synaptile schedule gives the time)."
    )


def _change(cycles: float, base: float) -> str:
    return f"{100 * (cycles / base - 1):+.1f} %" if base else ""
