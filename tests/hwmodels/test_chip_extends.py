"""Does `extends` take over what a file leaves out, and nothing that it should not?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip

WriteChip = Callable[..., Path]


def test_an_extension_changes_what_it_names_and_keeps_the_rest(write_chip: WriteChip) -> None:
    path = write_chip(
        text="extends: ecmt45\nname: replicating\nsynapse_core:\n  graded_spikes: replicate\n"
        "  lanes_per_cycle: {value: 64, assumed: wider}\n"
    )
    base, chip = load_chip("ecmt45"), load_chip(path)
    assert chip.synapse_core.graded_spikes == "replicate"
    assert chip.synapse_core.lanes_per_cycle == 64
    assert chip.sources["synapse_core.lanes_per_cycle"] == "assumed: wider"
    assert chip.synapse_core.weight_memory_bits == base.synapse_core.weight_memory_bits
    assert chip.noc.flit_bits == base.noc.flit_bits
    assert chip.digest != base.digest


def test_an_extension_of_an_extension_is_found_relative_to_its_file(write_chip: WriteChip) -> None:
    write_chip(name="base.yaml")
    write_chip(text="extends: base.yaml\nname: middle\nclock_mhz: {value: 600, assumed: faster}\n", name="middle.yaml")
    path = write_chip(text="extends: middle.yaml\nname: top\nvoltage_v: {value: 1.0, assumed: more}\n", name="top.yaml")
    chip = load_chip(path)
    assert (chip.name, chip.voltage_v) == ("top", 1.0)
    assert chip.clock_mhz == pytest.approx(600 * 12.6036 / 12.2081, rel=1e-4), "a gate is faster at 1.0 V than at 0.9 V"


def test_an_overridden_value_does_not_keep_the_old_source(write_chip: WriteChip) -> None:
    path = write_chip(text="extends: ecmt45\nname: mine\nclock_mhz: {value: 600}\n")
    with pytest.raises(ChipError, match="clock_mhz has neither source nor assumed") as caught:
        load_chip(path)
    assert str(caught.value).startswith(str(path))


def test_a_bare_override_is_refused(write_chip: WriteChip) -> None:
    with pytest.raises(ChipError, match="clock_mhz is 600 without an origin"):
        load_chip(write_chip(text="extends: ecmt45\nname: mine\nclock_mhz: 600\n"))


def test_an_error_in_the_base_names_the_base(write_chip: WriteChip) -> None:
    base = write_chip(("value: 500", "value: -500"), name="base.yaml")
    path = write_chip(text="extends: base.yaml\nname: mine\n")
    with pytest.raises(ChipError) as caught:
        load_chip(path)
    assert str(caught.value).startswith(f"{base}: clock_mhz.value is -500")


def test_an_unknown_key_in_the_extension_names_the_extension(write_chip: WriteChip) -> None:
    path = write_chip(text="extends: ecmt45\nname: mine\nsynapse_core: {lane_per_cycle: {value: 8, assumed: x}}\n")
    with pytest.raises(ChipError) as caught:
        load_chip(path)
    assert str(caught.value).startswith(f"{path}: synapse_core.lane_per_cycle is not a known key")


def test_an_extension_needs_a_name_of_its_own(write_chip: WriteChip) -> None:
    with pytest.raises(ChipError, match="name is missing"):
        load_chip(write_chip(text="extends: ecmt45\n"))


def test_figures_that_contradict_inherited_ones_name_the_extension(write_chip: WriteChip) -> None:
    path = write_chip(text="extends: ecmt45\nname: single\nmesh: {max_chips: {value: 1, assumed: alone}}\n")
    with pytest.raises(ChipError, match=r"chip_crossing_cycles is given, but mesh\.max_chips is 1") as caught:
        load_chip(path)
    assert all("chip.yaml" in line for line in str(caught.value).splitlines())


def test_a_figure_written_where_a_section_stands_is_one_unknown_key(write_chip: WriteChip) -> None:
    path = write_chip(text="extends: ecmt45\nname: mine\nmesh: {value: 3}\n")
    with pytest.raises(ChipError, match=r"mesh\.value is not a known key"):
        load_chip(path)


def test_a_section_can_be_taken_away(write_chip: WriteChip) -> None:
    path = write_chip(
        text="extends: ecmt45\nname: no-ec\nec_core: null\nmesh: {ec_cores_per_tile: {value: 0, assumed: none}}\n"
        "leakage: {ec_core_uw: null}\n"
    )
    assert load_chip(path).ec_core is None


def test_a_cycle_is_refused_with_its_chain(write_chip: WriteChip) -> None:
    first = write_chip(text="extends: b.yaml\nname: a\n", name="a.yaml")
    second = write_chip(text="extends: a.yaml\nname: b\n", name="b.yaml")
    with pytest.raises(ChipError, match="closes on itself") as caught:
        load_chip(first)
    assert f"{first} -> {second} -> {first}" in str(caught.value)


def test_a_file_that_extends_itself_is_refused(write_chip: WriteChip) -> None:
    with pytest.raises(ChipError, match="closes on itself"):
        load_chip(write_chip(text="extends: chip.yaml\nname: a\n"))


def test_a_base_that_does_not_exist_is_refused_with_the_nearest_name(write_chip: WriteChip) -> None:
    with pytest.raises(ChipError, match=r"extends 'ecmt54', which does not exist: did you mean 'ecmt45'\?"):
        load_chip(write_chip(text="extends: ecmt54\nname: a\n"))
