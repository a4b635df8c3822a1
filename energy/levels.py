"""Memory levels of a bill: what registers, event buffers, SRAM, the shared buffer and DRAM are read and written for, per side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from synaptile.energy.bill import Bill
from synaptile.energy.energy_report import EnergyReport
from synaptile.energy.memory_prices import ACCESS_BITS, DRAM, DRAM_BIT, REGISTER, port
from synaptile.hwmodels import Chip
from synaptile.hwmodels.banks import MemoryName
from synaptile.mapper.program import CoreKind

LEVELS = ("registers", "event buffers", "weight memory", "state memory", "EC memory", "shared buffer", "DRAM")
"""From the datapath outwards."""

_LEVEL_OF: dict[MemoryName, str] = {
    "event_buffer": "event buffers",
    "weight": "weight memory",
    "state": "state memory",
    "ec_state": "EC memory",
    "buffer": "shared buffer",
}


@dataclass(frozen=True)
class Traffic:
    """What one side moves through one level, per image: accesses, bytes, energy (None where an access is unpriced)."""

    accesses: float
    bytes: float
    energy_pj: float | None


@dataclass(frozen=True)
class MemoryLevel:
    """One level of memory: the SNN's traffic through a step, and that of one pass of the ANN."""

    name: str
    snn: Traffic
    ann: Traffic


def memory_levels(report: EnergyReport, *, step: int | None = None) -> tuple[MemoryLevel, ...]:
    """Levels that either side uses, of the rung `memory` and, where it was scheduled, of what enters from DRAM.

    `step` (default: all) is how far the SNN runs.
    """
    through = report.steps if step is None else step
    kinds = dict(_ops(report.chip))
    rungs = [report.additions[name] for name in ("memory", "static") if name in report.additions]
    snn, ann = ([one.snn for one in rungs], through), ([one.ann for one in rungs], 1)
    sides = [_traffic(bills, last, kinds) for bills, last in (snn, ann)]
    nothing = Traffic(0.0, 0.0, 0.0)
    return tuple(
        MemoryLevel(name, *(side.get(name, nothing) for side in sides)) for name in LEVELS if any(name in side for side in sides)
    )


def _ops(chip: Chip) -> Iterator[tuple[str, tuple[str, int]]]:
    """Op of a bill -> its level, and the bits that it moves."""
    for memory in get_args(MemoryName):
        if memory in ("weight", "state", "ec_state") or getattr(chip.memories, memory) is not None:
            of = port(chip, memory)
            yield from ((op, (_LEVEL_OF[memory], of.width_bits)) for op in (of.read, of.write))
    yield REGISTER[CoreKind.SYNAPSE], ("registers", chip.synapse_core.accumulator_bits)
    if chip.ec_core is not None:
        yield REGISTER[CoreKind.EC], ("registers", chip.ec_core.state_bits)
    yield DRAM, ("DRAM", ACCESS_BITS)
    yield DRAM_BIT, ("DRAM", 1)


def _traffic(bills: list[Bill], through: int, kinds: dict[str, tuple[str, int]]) -> dict[str, Traffic]:
    found: dict[str, Traffic] = {}
    for bill in bills:
        for line in bill.merged_over_cores().lines(through=through):
            if line.op in kinds:
                level, bits = kinds[line.op]
                count, old = line.count / line.images, found.get(level, Traffic(0.0, 0.0, 0.0))
                known = old.energy_pj is not None and line.energy_pj is not None
                energy = old.energy_pj + line.energy_pj if known else None  # type: ignore[operator]  # both are known
                found[level] = Traffic(old.accesses + count, old.bytes + count * bits / 8, energy)
    return found
