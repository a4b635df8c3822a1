"""What a mapped network takes: chips and their area, cores, phases, and what those move to and from DRAM."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.energy import EnergyReport
from synaptile.energy.memory_prices import DRAM_BIT
from synaptile.hwmodels import die_area_mm2
from synaptile.mapper import CoreKind, CoreProgram


@dataclass(frozen=True)
class Silicon:
    """Sizes of a program; fields are named as the figures of a sweep. `die_mm2` and `area_mm2` are None without stated area.

    Cores are those in use at a time: of the fullest of `phases`.
    """

    chips: int
    die_mm2: float | None
    area_mm2: float | None
    synapse_cores: int
    ec_cores: int
    phases: int


def silicon_of(program: CoreProgram) -> Silicon:
    """What a program takes."""
    chips = program.board[0] * program.board[1]
    die = None if program.chip.area is None else die_area_mm2(program.chip).total
    synapse, ec = (program.seats(kind) for kind in (CoreKind.SYNAPSE, CoreKind.EC))
    return Silicon(chips, die, None if die is None else die * chips, synapse, ec, program.phases)


def dram_bytes(bill: EnergyReport) -> int:
    """Bytes per image that phases move to and from DRAM: weights, and what they hand on; pixels are not among them."""
    memory = bill.additions.get("memory")
    if memory is None or DRAM_BIT not in memory.snn.ops:
        return 0
    bits = int(memory.snn.op_counts()[memory.snn.ops.index(DRAM_BIT)].sum())
    return -(-bits // (8 * memory.snn.images_of(DRAM_BIT)))
