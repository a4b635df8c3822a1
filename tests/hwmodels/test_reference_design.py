"""Do the sizes of ecmt45 follow from ViT-S/16, and does its decision record tell the truth about silicon?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, die_area_mm2, load_chip, tile_area_mm2

WriteChip = Callable[..., Path]

RECORD = Path(__file__).parents[2] / "docs" / "decisions" / "0003-ecmt45-reference-chip.md"
TOKENS, CHANNELS, HEADS, BLOCKS, CLASSES = 197, 384, 6, 12, 1000
KECKLER_PJ_PER_BIT_MM = 310 / 256 / 10
LEAKAGE_UW_PER_MM2 = 200


@pytest.fixture(scope="module")
def chip() -> Chip:
    return load_chip("ecmt45")


def layers() -> list[tuple[int, int]]:
    """(fan-in, outputs) of the Linears of one block."""
    return [(CHANNELS, 3 * CHANNELS), (CHANNELS, CHANNELS), (CHANNELS, 4 * CHANNELS), (4 * CHANNELS, CHANNELS)]


def outputs_a_core(chip: Chip, fan_in: int) -> int:
    core = chip.synapse_core
    return core.weight_memory_bits // ((fan_in + 1) * core.weight_bits)


def synapse_words() -> int:
    return BLOCKS * sum((fan_in + 1) * outputs for fan_in, outputs in layers()) + CLASSES * (CHANNELS + 1)


def ec_words_of_a_block() -> int:
    stream, attention = TOKENS * CHANNELS, HEADS * TOKENS * TOKENS
    membranes = 7 * stream + attention
    functions = 4 * stream + 8 * stream + 2 * attention
    products = (2 * stream + attention) + (2 * stream + attention)
    return membranes + functions + products + 2 * stream


def ec_words() -> int:
    front_end = CHANNELS * (768 + 1) + TOKENS * CHANNELS
    last_norm = 3 * TOKENS * CHANNELS
    return BLOCKS * ec_words_of_a_block() + front_end + last_norm


def test_vit_s_fills_four_fifths_of_weight_memory_and_of_ec_memory(chip: Chip) -> None:
    weights = synapse_words() * 32 / (chip.mesh.tiles * chip.synapse_core.weight_memory_bits)
    assert chip.ec_core is not None
    state = ec_words() * 32 / (chip.mesh.tiles * chip.ec_core.state_memory_bits)
    assert 0.80 <= weights <= 0.88
    assert 0.80 <= state <= 0.88


def test_every_linear_of_a_block_tiles_into_full_cores(chip: Chip) -> None:
    cores = [-(-outputs // outputs_a_core(chip, fan_in)) for fan_in, outputs in layers()]
    assert cores == [9, 3, 12, 12]
    used = sum((fan_in + 1) * outputs for fan_in, outputs in layers()) * 32
    assert used / (sum(cores) * chip.synapse_core.weight_memory_bits) > 0.97
    assert BLOCKS * sum(cores) + 8 <= chip.mesh.tiles


def test_state_memory_holds_the_membranes_and_four_accumulators_of_a_core_full_of_outputs(chip: Chip) -> None:
    outputs = outputs_a_core(chip, CHANNELS)
    assert outputs * (TOKENS + 4) * 32 <= chip.synapse_core.state_memory_bits


def test_one_head_of_each_product_fits_an_ec_core_whole(chip: Chip) -> None:
    width = CHANNELS // HEADS
    query_key = 2 * TOKENS * width + TOKENS * TOKENS
    softmax_value = TOKENS * TOKENS + 3 * TOKENS * width
    assert chip.ec_core is not None
    assert max(query_key, softmax_value) * 32 <= chip.ec_core.state_memory_bits


def test_energy_a_hop_is_kecklers_wire_over_one_tile_and_a_tenth_of_a_picojoule_a_bit(chip: Chip) -> None:
    pitch_mm = die_area_mm2(chip).tile_pitch_mm
    expected = chip.noc.flit_bits * (KECKLER_PJ_PER_BIT_MM * pitch_mm + 0.1)
    assert chip.noc.energy_pj_per_flit_hop == pytest.approx(expected, abs=0.05)


def test_leakage_is_one_density_over_every_area(chip: Chip) -> None:
    tile, leakage = tile_area_mm2(chip), chip.leakage
    parts = [
        (leakage.synapse_core_uw, tile.synapse_sram + tile.synapse_logic),
        (leakage.ec_core_uw, tile.ec_sram + tile.ec_logic),
        (leakage.router_uw, tile.router),
    ]
    for power_uw, area_mm2 in parts:
        assert power_uw == pytest.approx(LEAKAGE_UW_PER_MM2 * area_mm2, abs=0.6)


def test_area_of_a_chip_of_round_figures_is_what_the_hand_computes(write_chip: WriteChip) -> None:
    area = "".join(
        f"  {name}: {{value: {value}, assumed: round}}\n"
        for name, value in {
            "sram_um2_per_bit": 0.5,
            "sram_array_efficiency": 0.5,
            "accumulate_lane_um2": 1000,
            "multiplier_um2": 2000,
            "special_function_um2": 4000,
            "router_um2": 10000,
            "logic_overhead": 2,
            "reticle_mm2": 858,
        }.items()
    )
    estimate = die_area_mm2(load_chip(write_chip(("noc:\n", f"area:\n{area}noc:\n"))))
    assert estimate.sram == pytest.approx(4 * 3 * 65536 * 1e-6)
    assert estimate.logic == pytest.approx(4 * (2 * (4 * 1000 + 4 * 2000 + 0.25 * 4000) + 10000) * 1e-6)
    assert estimate.total == estimate.sram + estimate.logic


def test_a_shared_buffer_lies_beside_the_tiles() -> None:
    """By hand: 8 MiB of 0.346 um2 per bit at an efficiency of 0.7."""
    chip = load_chip("ecmt45-lm")
    assert chip.area is not None
    estimate, tiles = die_area_mm2(chip), die_area_mm2(replace(chip, memories=replace(chip.memories, buffer=None)))
    assert estimate.buffer == pytest.approx(2**26 * chip.area.sram_um2_per_bit / chip.area.sram_array_efficiency / 1e6)
    assert round(estimate.buffer, 1) == 33.2
    assert estimate.total - tiles.total == pytest.approx(estimate.buffer)
    assert estimate.tile_pitch_mm == pytest.approx(tiles.tile_pitch_mm), "wires between tiles are as long as before"


def test_the_machine_of_decision_26_fits_one_reticle() -> None:
    assert die_area_mm2(load_chip(RECORD.parents[2] / "examples" / "ecmt45_dc.yaml")).reticles < 1


def test_area_of_a_chip_without_area_figures_is_an_error() -> None:
    with pytest.raises(ChipError, match="chip loihi has no section area"):
        die_area_mm2(load_chip("loihi"))


def number(pattern: str) -> float:
    """The one number that `pattern` finds in the decision record."""
    found = re.findall(pattern, RECORD.read_text(encoding="utf-8"))
    assert len(found) == 1, f"{pattern!r} found {len(found)} times"
    return float(found[0].replace(",", ""))


def test_the_decision_record_states_the_area_that_the_figures_give(chip: Chip) -> None:
    estimate = die_area_mm2(chip)
    assert number(r"One chip takes ([\d,]+) mm2") == round(estimate.total)
    assert number(r"or ([\d.]+) reticles of 858 mm2") == round(estimate.reticles, 2)
    assert number(r"\| all SRAM \|.*\| ([\d,]+) \|") == round(estimate.sram)
    assert number(r"\| all logic \|.*\| ([\d,]+) \|") == round(estimate.logic)


def test_the_decision_record_states_the_area_of_its_alternatives(write_chip: WriteChip) -> None:
    quadrant = "extends: ecmt45\nname: quadrant\nmesh: {width: {value: 12, assumed: half}, height: {value: 11, assumed: half}}\n"
    assert number(r"four dies of ([\d,]+) mm2") == round(die_area_mm2(load_chip(write_chip(text=quadrant))).total)
    narrow = "extends: ecmt45\nname: narrow\nsynapse_core: {weight_memory_bits: {value: 401408, assumed: int8}}\n"
    assert number(r"int8 weights[^.]*? ([\d,]+) mm2") == round(die_area_mm2(load_chip(write_chip(text=narrow))).total)


def test_the_decision_record_states_the_fill_that_the_demand_gives(chip: Chip) -> None:
    assert chip.ec_core is not None
    weights = synapse_words() * 32 / (chip.mesh.tiles * chip.synapse_core.weight_memory_bits)
    state = ec_words() * 32 / (chip.mesh.tiles * chip.ec_core.state_memory_bits)
    assert number(r"weights \|[^|]*\|[^|]*\| ([\d.]+) %") == round(100 * weights, 1)
    assert number(r"EC state \|[^|]*\|[^|]*\| ([\d.]+) %") == round(100 * state, 1)
