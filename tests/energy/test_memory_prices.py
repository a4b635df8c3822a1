"""Does an access cost what Horowitz prints for its size, and what lies between on his line?"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from synaptile.energy.horowitz import sram_figure
from synaptile.energy.memory_prices import DRAM, EC, STATE, WEIGHT, accesses, memory_prices
from synaptile.hwmodels import load_chip

KB = 1024


@pytest.mark.parametrize(("kilobytes", "pj"), [(8, 10.0), (32, 20.0), (1024, 100.0)])
def test_printed_sizes_cost_what_is_printed(kilobytes: int, pj: float) -> None:
    assert sram_figure(kilobytes * KB).pj == pytest.approx(pj, rel=1e-9)


def test_between_and_beyond_energy_is_a_power_of_size() -> None:
    assert sram_figure(16 * KB).pj == pytest.approx(10 * 2**0.5, rel=1e-6)
    assert sram_figure(4 * KB).pj == pytest.approx(10 / 2**0.5, rel=1e-6), "below 8 KB the same slope: the square root of size"
    assert sram_figure(32 * KB * 32**0.5).pj == pytest.approx((20 * 100) ** 0.5, rel=1e-6), "half way in both logarithms"
    assert sram_figure(32 * 1024 * KB).pj == pytest.approx(500.0, rel=1e-6), "32 times 1 MB: five times 100 pJ once more"
    assert "extrapolated" in sram_figure(4 * KB).source and "interpolated" in sram_figure(64 * KB).source


def test_a_row_takes_whole_accesses() -> None:
    assert [accesses(words, 32) for words in (1, 2, 3)] == [1, 1, 2]
    assert accesses(128, 8) == 16 and accesses(129, 8) == 17 and accesses(3, 24) == 2


def test_the_bank_counts_where_the_chip_gives_one_and_the_whole_memory_elsewhere() -> None:
    chip = load_chip("ecmt45")
    banked = memory_prices(chip)
    assert banked[WEIGHT].pj == banked[STATE].pj == banked[EC].pj == pytest.approx(10 / 2**0.5, rel=1e-6)
    assert "bank" in banked[WEIGHT].source
    core = replace(chip.synapse_core, weight_bank_bits=None)
    whole = memory_prices(replace(chip, synapse_core=core))[WEIGHT]
    assert whole.pj == pytest.approx(20 * (196 / 32) ** 0.464386, rel=1e-4)
    assert "whole memory as one SRAM" in whole.source and banked[DRAM].pj == 1950


def test_a_price_says_where_the_size_behind_it_comes_from() -> None:
    chip = load_chip("ecmt45")
    assert memory_prices(chip)[WEIGHT].source.endswith(
        "size of a bank (synapse_core.weight_bank_bits) of ecmt45: assumed: 4 KiB banks, 49 of them, as weight_memory_bits says; "
        "decision record 0005 shows the whole memory as one SRAM too"
    )
    assert memory_prices(chip)[EC].source.endswith(chip.sources["ec_core.state_bank_bits"])
    loihi = load_chip("loihi")
    assert memory_prices(loihi)[STATE].source.endswith(f"of loihi: {loihi.sources['synapse_core.state_memory_bits']}")
    assert memory_prices(replace(chip, sources={}))[STATE].source.endswith("of ecmt45: no origin given")


def test_memory_of_a_core_that_is_not_there_has_no_price() -> None:
    assert memory_prices(load_chip("loihi"))[EC].pj is None


def test_the_decision_record_states_both_readings_of_the_reference_chip() -> None:
    chip = load_chip("ecmt45")
    assert chip.ec_core is not None
    whole = replace(
        chip,
        synapse_core=replace(chip.synapse_core, weight_bank_bits=None, state_bank_bits=None),
        ec_core=replace(chip.ec_core, state_bank_bits=None),
    )
    text = (Path(__file__).parents[2] / "docs" / "decisions" / "0005-energy-ladder.md").read_text(encoding="utf-8")
    stated = re.findall(r"KiB \| ([\d.]+) pJ \| ([\d.]+) pJ \|", text)
    found = [(f"{memory_prices(chip)[op].pj:.1f}", f"{memory_prices(whole)[op].pj:.1f}") for op in (WEIGHT, STATE, EC)]
    assert stated == found
