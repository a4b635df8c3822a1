"""Does ecmt45-mini follow from its own area figures, as ecmt45 does?"""

from __future__ import annotations

import pytest

from synaptile.hwmodels import die_area_mm2, load_chip, tile_area_mm2


def test_leakage_is_200_uw_a_square_millimetre() -> None:
    chip, area = load_chip("ecmt45-mini"), tile_area_mm2(load_chip("ecmt45-mini"))
    assert chip.leakage.synapse_core_uw == pytest.approx(200 * (area.synapse_sram + area.synapse_logic), rel=0.01)
    assert chip.leakage.ec_core_uw == pytest.approx(200 * (area.ec_sram + area.ec_logic), rel=0.01)
    assert chip.leakage.router_uw == pytest.approx(200 * area.router, rel=0.01)


def test_a_hop_is_a_tile_pitch_of_wire_and_a_router() -> None:
    chip = load_chip("ecmt45-mini")
    wire = 310 / 256 / 10 * chip.noc.flit_bits * die_area_mm2(chip).tile_pitch_mm
    assert chip.noc.energy_pj_per_flit_hop == pytest.approx(wire + 0.1 * chip.noc.flit_bits, rel=0.02)


def test_the_die_is_small() -> None:
    assert die_area_mm2(load_chip("ecmt45-mini")).total == pytest.approx(16.5, abs=0.1)
