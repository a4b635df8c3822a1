"""Does vary change what it names, in the units of a chip file, and refuse what no chip file could say?"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, die_area_mm2, load_chip, parameters, shipped_chips, vary, with_host_ec


def figures(chip: Chip) -> dict[str, object]:
    prose = {"name", "sources", "digest", "description"}
    return {field.name: getattr(chip, field.name) for field in fields(chip) if field.name not in prose}


def test_it_changes_what_it_names_and_says_from_what() -> None:
    base = load_chip("ecmt45")
    chip = vary(base, {"synapse_core.weight_memory_kib": 64, "mesh.width": np.int64(8), "clock_mhz": 250.0})  # type: ignore[dict-item]  # a grid of numpy holds its numbers
    assert (chip.synapse_core.weight_memory_bits, chip.mesh.width, chip.clock_mhz) == (64 * 8192, 8, 250.0)
    assert chip.sources["clock_mhz"].startswith("assumed: varied from 500.0 (one fp32 accumulation")
    assert chip.name.startswith("ecmt45-") and chip.digest != base.digest
    assert chip.ec_core == base.ec_core and chip.noc.flit_bits == base.noc.flit_bits
    assert chip.description.startswith("ecmt45 with "), "no story of another chip"


def test_the_same_changes_make_the_same_chip_whatever_their_unit() -> None:
    base = load_chip("ecmt45")
    in_kib = vary(base, {"ec_core.state_memory_kib": 160})
    assert in_kib == vary(base, {"ec_core.state_memory_bits": 160 * 8192})
    assert in_kib.name == vary(base, {"ec_core.state_memory_bits": 160 * 8192}).name


@pytest.mark.parametrize("name", shipped_chips())
def test_varying_there_and_back_keeps_every_other_figure(name: str) -> None:
    base = load_chip(name)
    back = vary(vary(base, {"noc.flit_bits": 2 * base.noc.flit_bits}), {"noc.flit_bits": base.noc.flit_bits})
    assert figures(back) == figures(base)


def test_no_changes_are_the_chip_itself() -> None:
    base = load_chip("ecmt45")
    assert vary(base, {}) is base


def test_leakage_follows_area_and_a_flit_costs_by_its_bits() -> None:
    base = load_chip("ecmt45")
    chip = vary(base, {"synapse_core.weight_memory_bits": 2 * base.synapse_core.weight_memory_bits, "noc.flit_bits": 64})
    assert base.leakage.synapse_core_uw * 1.5 < chip.leakage.synapse_core_uw < base.leakage.synapse_core_uw * 2
    assert chip.leakage.ec_core_uw == base.leakage.ec_core_uw
    wire = 310 / 2560 * 128 * die_area_mm2(base).tile_pitch_mm
    longer = die_area_mm2(chip).tile_pitch_mm / die_area_mm2(base).tile_pitch_mm
    assert chip.noc.energy_pj_per_flit_hop == pytest.approx((wire * longer + base.noc.energy_pj_per_flit_hop - wire) / 2)
    assert "in proportion to area" in chip.sources["leakage.synapse_core_uw"]


def test_nothing_follows_where_it_is_given_or_switched_off() -> None:
    base = load_chip("ecmt45")
    chip = vary(base, {"noc.flit_bits": 64, "noc.energy_pj_per_flit_hop": 40.0})
    assert chip.noc.energy_pj_per_flit_hop == 40.0
    alone = vary(base, {"noc.flit_bits": 64, "synapse_core.lanes_per_cycle": 64}, follow=False)
    assert (alone.noc.energy_pj_per_flit_hop, alone.leakage) == (base.noc.energy_pj_per_flit_hop, base.leakage)


def test_a_chip_that_comes_to_stand_alone_loses_its_crossings() -> None:
    chip = vary(load_chip("ecmt45"), {"mesh.max_chips": 1})
    assert chip.noc.chip_crossing_cycles is None and "noc.chip_crossing_cycles" not in chip.sources


def test_virtual_ec_cores_stay_marked() -> None:
    assert vary(with_host_ec(load_chip("loihi2")), {"mesh.width": 4}).virtual_host_ec


def test_every_parameter_is_one_of_a_chip_file() -> None:
    names = parameters()
    assert len(set(names)) == len(names)
    assert {"synapse_core.graded_spikes", "mesh.width", "operation_pj.ac.fp32", "special_functions.exp.mac"} <= set(names)
    assert not {"name", "description", "lacks"} & set(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synapse_core.lane_per_cycle": 3}, "did you mean 'synapse_core.lanes_per_cycle'"),
        ({"synapse_core.weight_memory_kb": 3}, "did you mean 'synapse_core.weight_memory_kib'"),
        ({"<script>alert(1)</script>": 1}, "has no parameter '<script>alert"),
        ({"name": "x"}, "has no parameter 'name'"),
        ({"mesh": 3}, "has no parameter 'mesh'"),
        ({"synapse_core.lanes_per_cycle": 0}, "must be greater than 0"),
        ({"synapse_core.lanes_per_cycle": 1.5}, "must be an integer"),
        ({"clock_mhz": float("nan")}, "must be a finite number"),
        ({"mesh.width": "3"}, "must be an integer"),
        ({"synapse_core.weight_memory_kib": 0.0001}, "whole bits"),
        ({"synapse_core.weight_memory_kib": float("nan")}, "whole bits"),
        ({"synapse_core.weight_memory_kib": float("inf")}, "whole bits"),
        ({"synapse_core.weight_memory_kib": 1}, "more than the memory it is a part of"),
        ({"synapse_core.weight_memory_kib": 64, "synapse_core.weight_memory_bits": 64}, "given twice"),
        ({"synapse_core.graded_spikes": "shifted"}, "must be 'shift', 'replicate' or 'binary'"),
        ({"clock_mhz": None}, "clock_mhz is missing"),
    ],
)
def test_what_no_chip_file_could_say_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ChipError, match="(?s)" + message.replace("(", r"\(").replace(")", r"\)").replace("<", "<")):
        vary(load_chip("ecmt45"), changes)
