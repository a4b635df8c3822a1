"""Do memory levels hold all that the rung `memory` adds, and the bytes that its accesses move?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from synaptile.energy import EnergyReport, price
from synaptile.energy.levels import LEVELS, memory_levels
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Memory
from synaptile.simulator import schedule
from tests.energy.test_dataflow import IMAGES, ROOMY, STEPS, machine, run, streamed


def priced(chip: Chip) -> EnergyReport:
    activity = run(chip)
    return price(activity, chip, timeline=schedule(activity, images=IMAGES))


def full() -> Chip:
    """Registers, an event buffer, and weights from DRAM, on a single tile."""
    machine_, phased = machine(block=2, batch=3), streamed()
    memories = replace(phased.memories, event_buffer=Memory(width_bits=62, read_pj=1.0, write_pj=2.0))
    return replace(machine_, mesh=phased.mesh, weights="streamed", memories=memories)


@pytest.mark.parametrize("chip", [machine(), machine("step_major", 2), full(), streamed()], ids=["lm", "sm", "full", "streamed"])
def test_levels_add_up_to_the_rung_and_what_enters_from_dram(chip: Chip) -> None:
    report = priced(chip)
    memory, static = report.additions["memory"], report.additions["static"]
    for step in range(1, STEPS + 1):
        levels = memory_levels(report, step=step)
        assert [level.name for level in levels] == [name for name in LEVELS if name in {level.name for level in levels}]
        for side, bill, through in (("snn", memory.snn, step), ("ann", memory.ann, 1)):
            pixels = static.snn if side == "snn" else static.ann
            entered = sum(line.energy_pj or 0.0 for line in pixels.lines(through=through) if line.op == "dram access")
            total = sum(getattr(level, side).energy_pj for level in levels)
            assert total == pytest.approx(float(bill.cumulative().energy_pj()[through - 1]) + entered, rel=1e-9)


def test_bytes_are_accesses_times_their_width() -> None:
    chip = full()
    report = priced(chip)
    levels = {level.name: level.snn for level in memory_levels(report)}
    assert set(levels) == set(LEVELS) - {"shared buffer", "state memory"}
    for name, bits in (("event buffers", 62), ("weight memory", 64), ("EC memory", 64), ("registers", 32)):
        assert levels[name].bytes == pytest.approx(levels[name].accesses * bits / 8), name
    weights = report.activity.program.cores.weight_bits_used.sum() / 8
    handed = sum(
        line.count
        for line in report.lines(accounting="memory")
        if line.role in ("stored for later phases", "read from earlier phases")
    )
    pixels = report.activity.program.graph.source.size * 4
    assert levels["DRAM"].bytes == pytest.approx(weights + handed / 8 / IMAGES + pixels, rel=1e-9)


def test_a_chip_without_memories_of_its_own_uses_those_of_its_cores() -> None:
    levels = memory_levels(price(run(ROOMY), ROOMY))
    assert [level.name for level in levels] == ["weight memory", "state memory", "EC memory"]
