"""Does a chip file become the numbers it holds, with their origins and a digest that follows them?"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, chip_document, chip_from_document, load_chip, shipped_chips
from synaptile.hwmodels.operations import Operations
from synaptile.simulator.activity import OPS

WriteChip = Callable[..., Path]

WITHOUT_EC = (
    ("ec_cores_per_tile: {value: 1", "ec_cores_per_tile: {value: 0"),
    ("  ec_core_uw: {value: 1, assumed: small}\n", ""),
)


def numbers(section: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Dotted names of every number in a nested dictionary."""
    found: dict[str, float] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[prefix + key] = value
    return found


def test_the_reference_design_and_loihi_are_shipped() -> None:
    assert {"ecmt45", "loihi"} <= set(shipped_chips())
    assert list(shipped_chips()) == sorted(shipped_chips())


@pytest.mark.parametrize("name", shipped_chips())
def test_every_shipped_chip_loads_under_its_own_name_and_says_what_it_lacks(name: str) -> None:
    chip = load_chip(name)
    assert chip.name == name
    assert chip.lacks
    assert chip.description


@pytest.mark.parametrize("name", shipped_chips())
def test_every_number_of_a_shipped_chip_has_an_origin_and_every_origin_a_number(name: str) -> None:
    chip = load_chip(name)
    figures = asdict(chip)
    del figures["sources"]
    absent = {key for key, value in numbers(figures).items() if value == 0 and key in ("barrier_ns", "leakage.ec_core_uw")}
    absent |= {key for key, value in numbers(figures).items() if value == 0 and key.endswith("index_bits")}
    # 1 where a chip does not say otherwise
    ones = ("token_block", "time_batch", "max_steps", "images_per_load", "soft_reset_compartments")
    absent |= {key for key, value in numbers(figures).items() if value == 1 and key.endswith(ones)}
    assert numbers(figures).keys() - absent == chip.sources.keys()
    assert all(len(origin) > len("assumed: ") for origin in chip.sources.values())


def test_figures_arrive_as_plain_numbers_of_their_own_type(write_chip: WriteChip) -> None:
    chip = load_chip(write_chip())
    assert chip.synapse_core.lanes_per_cycle == 4
    assert type(chip.synapse_core.lanes_per_cycle) is int
    assert type(chip.clock_mhz) is float
    assert chip.synapse_core.neuron_updates_per_cycle == 0.5
    assert chip.sources["clock_mhz"] == "assumed: round"
    assert chip.sources["process_nm"] == "paper"


def test_a_chip_without_ec_cores_has_none_and_leaks_nothing_there(write_chip: WriteChip) -> None:
    text = write_chip(*WITHOUT_EC).read_text(encoding="utf-8")
    head, rest = text.split("ec_core:\n")
    chip = load_chip(write_chip(text=head + rest[rest.index("noc:") :]))
    assert chip.ec_core is None
    assert chip.leakage.ec_core_uw == 0.0


def test_dataflow_needs_no_barrier(write_chip: WriteChip) -> None:
    without = ("synchronisation: barrier\nbarrier_ns: {value: 100, assumed: small}", "synchronisation: dataflow")
    assert load_chip(write_chip(without)).barrier_ns == 0.0


def test_operation_energies_and_expansions_override_per_format(write_chip: WriteChip) -> None:
    tables = (
        "operation_pj: {ac: {fp32: {value: 1.5, source: measured}}}\n"
        "special_functions: {exp: {mac: {value: 5, assumed: polynomial}, compare: {value: 1, assumed: range}}}\nnoc:\n"
    )
    chip = load_chip(write_chip(("noc:\n", tables)))
    assert chip.operation_pj == {"ac": {"fp32": 1.5}}
    assert chip.special_functions == {"exp": {"mac": 5, "compare": 1}}
    assert chip.sources["operation_pj.ac.fp32"] == "measured"
    assert chip.sources["special_functions.exp.mac"] == "assumed: polynomial"


def test_every_operation_that_the_simulator_counts_can_be_priced_by_a_chip() -> None:
    updates = {"neuron_update_active", "neuron_update_inactive", "shift"}  # a shift stands in the bill alone
    assert Operations.__annotations__.keys() - updates == set(OPS)


def test_an_unknown_operation_is_refused_with_the_nearest_known_one(write_chip: WriteChip) -> None:
    with pytest.raises(ChipError, match=r"operation_pj\.rsqr is not a known key: did you mean 'rsqrt'"):
        load_chip(write_chip(("noc:\n", "operation_pj: {rsqr: {fp32: {value: 1, source: x}}}\nnoc:\n")))


def test_null_takes_away_whatever_is_optional_and_nothing_else(write_chip: WriteChip) -> None:
    nulls = (
        "  state_bank_bits: null\n  memory_in_ac: null\nec_core:",
        "area: null\noperation_pj: {ac: null, mac: {fp32: null}}\nspecial_functions: null\nnoc:",
    )
    chip = load_chip(write_chip(("ec_core:", nulls[0]), ("noc:", nulls[1])))
    assert (chip.synapse_core.state_bank_bits, chip.synapse_core.memory_in_ac, chip.area) == (None, False, None)
    assert chip.special_functions == {} and not chip.operation_pj.get("ac")
    with pytest.raises(ChipError, match=r"noc\.word_bits is empty: write \{value"):
        load_chip(write_chip(("word_bits: {value: 32, assumed: small}", "word_bits: null")))


@pytest.mark.parametrize("name", ["sources", "digest", "value"])
def test_what_a_chip_has_besides_its_figures_is_no_key_of_its_file(write_chip: WriteChip, name: str) -> None:
    with pytest.raises(ChipError, match=f"{name} is not a known key") as caught:
        load_chip(write_chip(("noc:", f"{name}: {{}}\nnoc:")))
    assert "sources" not in str(caught.value).replace(f"{name} is not", "")


def test_a_copy_with_another_figure_has_a_digest_of_its_own(write_chip: WriteChip) -> None:
    chip = load_chip(write_chip())
    faster = replace(chip, clock_mhz=501.0)
    assert faster.digest == load_chip(write_chip(("value: 500", "value: 501"))).digest != chip.digest
    assert replace(chip, description="Other words.").digest == chip.digest


def test_a_figure_without_an_origin_says_so_and_is_stored_all_the_same() -> None:
    chip = load_chip("ecmt45")
    assert chip.origin("mesh.width") == chip.sources["mesh.width"] and chip.origin("mesh.depth") == "no origin given"
    priced = replace(chip, operation_pj={"ac": {"fp32": 0.4}})
    assert priced.origin("operation_pj.ac.fp32") == "no origin given"
    assert ("operation_pj.ac.fp32", 0.4, "no origin given") in priced.figures()
    assert ("noc.multicast", True, "a property, not a figure") in priced.figures()
    stored = chip_from_document(json.loads(json.dumps(chip_document(priced))), "stored")
    assert stored.operation_pj == priced.operation_pj and stored.digest == priced.digest
    assert stored.origin("operation_pj.ac.fp32") == "assumed: no origin given"


def test_a_core_that_shifts_keeps_an_accumulator_per_sign() -> None:
    core = load_chip("ecmt45").synapse_core
    assert core.accumulators == 2
    assert replace(core, graded_spikes="replicate").accumulators == replace(core, graded_spikes="binary").accumulators == 1


def test_a_digest_is_stable_over_loads_and_over_prose(write_chip: WriteChip) -> None:
    first = load_chip(write_chip())
    assert load_chip(write_chip(name="other.yaml")).digest == first.digest
    assert load_chip(write_chip(("Smallest", "Least"), ("source: paper", "source: other"))).digest == first.digest


@pytest.mark.parametrize("name", ["value: 500", "value: 0.5", "graded_spikes: replicate", "multicast: true", "name: small"])
def test_a_digest_changes_with_any_figure(write_chip: WriteChip, name: str) -> None:
    changed = {"value: 500": "value: 501", "value: 0.5": "value: 0.25", "graded_spikes: replicate": "graded_spikes: shift"}
    changed |= {"multicast: true": "multicast: false", "name: small": "name: other"}
    assert load_chip(write_chip((name, changed[name]))).digest != load_chip(write_chip()).digest


def test_a_chip_is_frozen_hashable_and_survives_pickling() -> None:
    chip = load_chip("ecmt45")
    with pytest.raises(FrozenInstanceError):
        chip.clock_mhz = 1.0  # type: ignore[misc]
    assert hash(chip) == hash(load_chip("ecmt45"))
    assert pickle.loads(pickle.dumps(chip)) == chip


@pytest.mark.parametrize("name", shipped_chips())
def test_a_chip_stored_as_json_comes_back_equal(name: str) -> None:
    chip = load_chip(name)
    restored: Chip = chip_from_document(json.loads(json.dumps(chip_document(chip))), "stored")
    assert restored == chip
    assert restored.digest == chip.digest


def test_a_stored_chip_that_was_altered_is_refused_under_its_label() -> None:
    document = chip_document(load_chip("ecmt45"))
    document["mesh"]["width"]["value"] = 0
    with pytest.raises(ChipError, match=r"^vit\.map: mesh\.width\.value is 0"):
        chip_from_document(document, "vit.map")


def test_a_path_loads_like_a_name_given_as_text_or_path(write_chip: WriteChip) -> None:
    path = write_chip()
    assert load_chip(str(path)) == load_chip(path)
