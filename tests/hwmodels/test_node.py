"""Does another node or supply move every figure by its published rule, and is what lies beyond refused?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log, sqrt
from pathlib import Path

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, die_area_mm2, load_chip, parameters, vary
from synaptile.hwmodels.derive import derived_file
from synaptile.hwmodels.node import REFERENCE, Supply, factors
from synaptile.hwmodels.scale import scaled
from synaptile.hwmodels.sram_table import sram_figures

WriteChip = Callable[..., Path]

E45 = 1.103 * 0.81 - 0.362 * 0.9 + 0.2767
E32, E20 = 0.9559 * 0.81 - 0.7823 * 0.9 + 0.471, 0.373 * 0.81 - 0.1582 * 0.9 + 0.04104
E7 = 0.1776 * 0.49 - 0.09097 * 0.7 + 0.02447
SHARE = log(28 / 20) / log(32 / 20)
ENERGY_28, ENERGY_7 = E20 * (E32 / E20) ** SHARE / E45, E7 / E45
"""By hand, from the polynomials as printed: 45 nm, 0.9 V to 28 nm, 0.9 V and to 7 nm, 0.7 V."""


def at(process_nm: float, voltage_v: float = 0.9) -> Chip:
    return vary(load_chip("ecmt45"), {"process_nm": process_nm, "voltage_v": voltage_v})


def test_factors_are_those_of_the_paper() -> None:
    assert factors(REFERENCE, REFERENCE) == (1, 1, 1, 1)
    by = factors(REFERENCE, Supply(7, 0.7))
    assert by.energy == pytest.approx(ENERGY_7) and by.area == pytest.approx(0.059) and by.wire == pytest.approx((0.7 / 0.9) ** 2)
    slow = -501.6 * 0.729 + 1567 * 0.81 - 1619 * 0.9 + 566.1
    fast = -28.58 * 0.343 + 76.6 * 0.49 - 70.26 * 0.7 + 24.69
    assert by.delay == pytest.approx(fast / slow)
    assert factors(REFERENCE, Supply(28, 0.9)).energy == pytest.approx(ENERGY_28)
    assert factors(REFERENCE, Supply(28, 0.9)).area == pytest.approx(0.127 / 0.346, rel=0.01), (
        "published 6T cells of 28 and 45 nm"
    )


@pytest.mark.parametrize("process_nm", [90, 65, 45, 40, 32, 28, 22, 16, 12, 7])
def test_energy_rises_and_delay_does_not_with_the_supply(process_nm: float) -> None:
    rising = [factors(REFERENCE, Supply(process_nm, volts / 100)) for volts in range(70, 101, 2)]
    for low, high in pairwise(rising):
        assert low.energy < high.energy and low.delay >= high.delay > 0 and low.wire < high.wire


def test_every_figure_of_ecmt45_at_28_and_7_nm_by_hand() -> None:
    base = load_chip("ecmt45")
    pitch_mm, wire_45 = die_area_mm2(base).tile_pitch_mm, 310 / 2560 * 128
    for chip, energy, area, volts in (
        (at(28), ENERGY_28, (0.46 / 0.21) ** SHARE * 0.21, 1.0),
        (at(7, 0.7), ENERGY_7, 0.059, 7 / 9),
    ):
        flit = wire_45 * pitch_mm * sqrt(area) * volts**2 + (41.7 - wire_45 * pitch_mm) * energy
        assert chip.noc.energy_pj_per_flit_hop == pytest.approx(flit)
        assert die_area_mm2(chip).total == pytest.approx(die_area_mm2(base).total * area)
        leak = sram_figures(chip.process_nm, "itrs-lstp", 4096, 64).leakage_uw / 0.140432 * volts
        assert chip.leakage.ec_core_uw == pytest.approx(345 * leak) and chip.leakage.router_uw == pytest.approx(54 * leak)
        assert chip.clock_mhz > 700 and "delay of a gate" in chip.origin("clock_mhz")
        assert chip.off_chip == base.off_chip and chip.noc.chip_crossing_pj_per_flit == 640, "outside the chip"
        assert chip.synapse_core == base.synapse_core and chip.mesh == base.mesh, "counts do not move"
    assert "Stillmaker and Baas" in at(28).origin("area.multiplier_um2") and "11884 (Horowitz" in at(28).origin(
        "area.multiplier_um2"
    )
    assert "CACTI 7" in at(28).origin("leakage.router_uw") and "Keckler" in at(28).origin("noc.energy_pj_per_flit_hop")


def test_an_inherited_figure_moves_and_one_that_the_file_states_does_not(write_chip: WriteChip) -> None:
    text = "extends: ecmt45\nname: mine\nprocess_nm: {value: 28, source: fab}\narea: {router_um2: {value: 90000, source: mine}}\n"
    chip = load_chip(write_chip(text=text))
    assert chip.area is not None and chip.area.router_um2 == 90000 and chip.sources["area.router_um2"] == "mine"
    assert chip.area.multiplier_um2 == at(28).area.multiplier_um2  # type: ignore[union-attr]  # ecmt45 has one
    assert chip.clock_mhz == at(28).clock_mhz
    still = load_chip(write_chip(text=text + "scaling: none\n"))
    assert still.clock_mhz == 500 and still.area is not None and still.area.multiplier_um2 == 11884


def test_a_copied_file_moves_too(tmp_path: Path) -> None:
    text = derived_file(load_chip("ecmt45"), "ecmt45")
    (tmp_path / "mine.yaml").write_text(
        text.replace('process_nm: {value: 45.0, source: "', 'process_nm: {value: 28, source: "my ')
    )
    assert load_chip(tmp_path / "mine.yaml").leakage == at(28).leakage


def test_file_and_variation_give_one_answer(write_chip: WriteChip) -> None:
    path = write_chip(text="extends: ecmt45\nname: l128\nsynapse_core: {lanes_per_cycle: {value: 128, assumed: wide}}\n")
    chip, varied = load_chip(path), vary(load_chip("ecmt45"), {"synapse_core.lanes_per_cycle": 128})
    assert (chip.leakage, chip.noc, chip.digest) == (varied.leakage, varied.noc, vary(varied, {}, name="l128").digest)
    assert chip.leakage.synapse_core_uw > load_chip("ecmt45").leakage.synapse_core_uw
    assert "Made of ecmt45" in chip.description and all(text.startswith("said of ecmt45: ") for text in chip.lacks)


NO_RULE = {"memories.dram.latency_ns", "barrier_ns", "area.reticle_mm2"}


def test_every_figure_with_a_unit_of_technology_has_a_rule_or_lies_outside() -> None:
    """By the units in names, which is how figures are named: a new figure is found here whoever adds it."""
    chip, units = load_chip("ecmt45-lm"), ("pj", "uw", "um2", "ns", "mhz", "mm2")
    outside = ("off_chip.", "step_times.", "memories.dram.", "noc.chip_crossing_")
    stated = {name for name, *_ in chip.figures()}
    for name in parameters():
        technological = name.startswith("operation_pj.") or set(name.rpartition(".")[2].split("_")) & set(units)
        moves = technological and name not in NO_RULE and not name.startswith(outside)
        if name in stated or not name.startswith("memories."):
            assert (scaled(chip, name, Supply(28, 0.9)) is not None) == bool(moves), name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voltage_v": 0.4}, r"voltage_v is 0\.4, below the 0\.6 to 1\.1 V .* at 45 nm: raise it, or .* scaling: none"),
        ({"process_nm": 7, "voltage_v": 1.2}, r"voltage_v is 1\.2, above"),
        ({"process_nm": 5}, r"process_nm is 5: Stillmaker and Baas.* from 7 to 90 nm"),
        ({"process_nm": 130}, "process_nm is 130"),
        (
            {"process_nm": 28, "synapse_core.weight_bank_bits": 1024},
            r"weight_bank_bits is 1,024, beyond the banks of 2,048 to 33,554,432 bits of CACTI 7",
        ),
        (
            {"voltage_v": 0.7, "clock_mhz": 500},
            r"clock_mhz is 500, gates at 45 nm, 0\.7 V reach 220\.5 .*lower it, or raise voltage_v",
        ),
    ],
)
def test_what_the_model_does_not_cover_is_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ChipError, match=words):
        vary(load_chip("ecmt45"), changes)


def test_a_memory_without_a_bank_of_its_own_moves_as_the_bank_that_its_core_opens() -> None:
    """Weight memory of the core's 32 KiB banks, then of the whole memory: not as a bank of 4 KiB."""
    explicit = {"memories.weight.read_pj": 17.0, "memories.weight.write_pj": 15.0, "memories.weight.width_bits": 64}
    for figures, bank_bytes in (
        ({"synapse_core.weight_bank_bits": 32 * 8192}, 32768),
        ({"synapse_core.weight_bank_bits": None}, 0),
    ):
        chip = vary(load_chip("ecmt45"), {**explicit, **figures})
        size = bank_bytes or chip.synapse_core.weight_memory_bits / 8
        before, after = (sram_figures(nm, "itrs-lstp", size, 64) for nm in (45, 28))
        moved = scaled(chip, "memories.weight.read_pj", Supply(28, 0.9))
        assert moved is not None and moved.factor == pytest.approx(after.read_pj / before.read_pj)
        small = [sram_figures(nm, "itrs-lstp", 4096, 64).read_pj for nm in (45, 28)]
        assert abs(moved.factor / (small[1] / small[0]) - 1) > 0.02


def test_a_chip_that_scales_nothing_may_have_any_node_and_supply() -> None:
    chip = vary(load_chip("ecmt45"), {"scaling": "none", "process_nm": 5, "voltage_v": 0.3})
    assert chip.leakage == load_chip("ecmt45").leakage and chip.clock_mhz == 500
