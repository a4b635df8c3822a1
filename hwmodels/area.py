"""die_area_mm2: how much silicon a chip takes, from its own figures."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.sections import Area, Registers

UM2_PER_MM2 = 1e6


@dataclass(frozen=True)
class AreaEstimate:
    """Area of one chip in mm2, without pads, clock generation and inter-chip links.

    `sram` is memory macros, `buffer` the shared buffer among them, which lies beside the tiles; `logic` is everything else,
    `total` the sum of memory and logic, `reticle_limit` what one exposure covers.
    """

    sram: float
    buffer: float
    logic: float
    total: float
    reticle_limit: float
    tiles: int

    @property
    def reticles(self) -> float:
        """Area in units of the reticle limit: above 1 the chip cannot be one conventional die."""
        return self.total / self.reticle_limit

    @property
    def tile_pitch_mm(self) -> float:
        """Side of a square tile: the length of wire that one hop crosses."""
        return sqrt((self.total - self.buffer) / self.tiles)


@dataclass(frozen=True)
class TileArea:
    """Area of one tile in mm2: all its synapse cores, all its EC cores (memories and logic), its router."""

    synapse_sram: float
    synapse_logic: float
    ec_sram: float
    ec_logic: float
    router: float


def tile_area_mm2(chip: Chip) -> TileArea:
    """Area of one tile.

    A memory of b bits takes ``b * sram_um2_per_bit / sram_array_efficiency``; a datapath takes the sum of its units times
    `logic_overhead`, and the registers of its lanes.

    Raises:
        ChipError: the chip file has no section `area`.
    """
    area = _area(chip)
    bit_mm2 = _bit_mm2(area)
    synapse, ec, mesh = chip.synapse_core, chip.ec_core, chip.mesh
    lanes_um2 = synapse.lanes_per_cycle * area.accumulate_lane_um2
    if synapse.graded_spikes == "shift" and chip.units.theta_combine != "unstated":
        lanes_um2 += synapse.neuron_updates_per_cycle * area.multiplier_um2
    registers_um2 = synapse.lanes_per_cycle * _registers_um2(synapse.registers, synapse.accumulator_bits)
    ec_bits, ec_um2, ec_registers_um2 = 0, 0.0, 0.0
    if ec is not None:
        ec_bits = ec.state_memory_bits
        ec_um2 = ec.multipliers_per_cycle * area.multiplier_um2 + ec.special_functions_per_cycle * area.special_function_um2
        ec_registers_um2 = ec.multipliers_per_cycle * _registers_um2(ec.registers, ec.state_bits)
    return TileArea(
        synapse_sram=mesh.synapse_cores_per_tile * (synapse.weight_memory_bits + synapse.state_memory_bits) * bit_mm2,
        synapse_logic=mesh.synapse_cores_per_tile * (lanes_um2 * area.logic_overhead + registers_um2) / UM2_PER_MM2,
        ec_sram=mesh.ec_cores_per_tile * ec_bits * bit_mm2,
        ec_logic=mesh.ec_cores_per_tile * (ec_um2 * area.logic_overhead + ec_registers_um2) / UM2_PER_MM2,
        router=area.router_um2 / UM2_PER_MM2,
    )


def die_area_mm2(chip: Chip) -> AreaEstimate:
    """Area of one chip of the board: its tiles, side by side, and the shared buffer beside them.

    Raises:
        ChipError: the chip file has no section `area`.
    """
    tile = tile_area_mm2(chip)
    tiles = chip.mesh.tiles
    buffer = 0.0 if chip.memories.buffer is None else chip.memories.buffer.capacity_bits * _bit_mm2(_area(chip))
    sram = tiles * (tile.synapse_sram + tile.ec_sram) + buffer
    logic = tiles * (tile.synapse_logic + tile.ec_logic) + chip.routers * tile.router
    return AreaEstimate(sram, buffer, logic, sram + logic, _area(chip).reticle_mm2, tiles)


def _registers_um2(registers: Registers | None, bits: int) -> float:
    """Area of the registers of one lane, of words of `bits`."""
    return 0.0 if registers is None else registers.words * bits * registers.um2_per_bit


def _bit_mm2(area: Area) -> float:
    return area.sram_um2_per_bit / area.sram_array_efficiency / UM2_PER_MM2


def _area(chip: Chip) -> Area:
    if chip.area is None:
        raise ChipError(f"chip {chip.name} has no section area, so its die area is unknown: add one to its chip file")
    return chip.area
