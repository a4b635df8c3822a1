"""Does the mapper read only what a mapping key holds?"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from synaptile.hwmodels import Chip, ECCore, SynapseCore, load_chip, vary
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.alike import READ_OF_NOC, UNREAD_OF_CORES, mapping_key, reads
from tests.graphs import vit_graph

GRAPH = vit_graph(1, 5, 8, 2, 16, 3)
BASE = load_chip("ecmt45-mini")
WATCHED = ("mesh", "synapse_core", "ec_core", "noc", "memories")
UNREAD_SECTIONS = {"leakage", "off_chip", "area", "clock_mhz", "operation_pj", "special_functions", "synchronisation"}


def watched(chip: Chip, read: set[str]) -> Chip:
    """The same chip, which notes every figure that is read of it."""

    def watching(section: Any, prefix: str) -> Any:
        class Watched(type(section)):  # type: ignore[misc]  # made for each section
            def __getattribute__(self, name: str) -> Any:
                if not name.startswith("_"):
                    read.add(prefix + name)
                return super().__getattribute__(name)

        return Watched(**{field.name: getattr(section, field.name) for field in fields(section)})

    sections = {name: watching(getattr(chip, name), f"{name}.") for name in WATCHED}
    watched: Chip = watching(replace(chip, **sections), "")
    return watched


@pytest.mark.parametrize("chip", ["ecmt45-mini", "ecmt45-lm"])
@pytest.mark.parametrize("placement", ["row_major", "metis", "anneal"])
def test_the_mapper_reads_nothing_beside_the_key(placement: Any, chip: str) -> None:
    read: set[str] = set()
    map_graph(GRAPH, watched(load_chip(chip), read), placement=placement)
    assert "synapse_core.weight_memory_bits" in read, "reading is noticed"
    for name in read:
        section, _, figure = name.partition(".")
        assert section not in UNREAD_SECTIONS, name
        assert section != "noc" or figure in ("", *READ_OF_NOC), name
        assert section != "memories" or figure in ("", "event_buffer"), name
        assert section not in ("synapse_core", "ec_core") or figure not in UNREAD_OF_CORES, name


@pytest.mark.parametrize(
    "changes",
    [
        {"clock_mhz": 100.0},
        {"synapse_core.lanes_per_cycle": 2},
        {"ec_core.multipliers_per_cycle": 2},
        {"noc.flit_bits": 64},
        {"synapse_core.weight_bank_bits": 4096},
    ],
)
def test_chips_of_one_key_are_mapped_alike(changes: dict[str, Any]) -> None:
    other = vary(BASE, changes)
    assert mapping_key(other) == mapping_key(BASE)
    one, two = (map_graph(GRAPH, chip) for chip in (BASE, other))
    assert same_tables(one, two)


@pytest.mark.parametrize(
    "changes",
    [
        {"synapse_core.max_neurons": 5},
        {"mesh.width": 5},
        {"ec_core.max_neurons": 40},
        {"synapse_core.graded_spikes": "replicate"},
        {"noc.multicast": False},
        {"noc.topology": "torus"},
        {f"memories.event_buffer.{name}": one for name, one in (("width_bits", 64), ("read_pj", 1.0), ("write_pj", 1.0))},
    ],
)
def test_what_the_mapper_reads_makes_another_key(changes: dict[str, Any]) -> None:
    assert mapping_key(vary(BASE, changes)) != mapping_key(BASE)


@pytest.mark.parametrize("goal", ["latency", "throughput"])
def test_mapping_for_time_reads_nothing_beside_its_key(goal: Any) -> None:
    read: set[str] = set()
    map_graph(GRAPH, watched(BASE, read), goal=goal, placement="row_major")
    assert {"synapse_core.lanes_per_cycle", "ec_core.multipliers_per_cycle", "noc.link_flits_per_cycle"} <= read
    read_sections = {name.partition(".")[0] for name in read if name != "memories.event_buffer"}
    assert read_sections <= {*WATCHED, "weights", "layer_major", "name"} and "memories.dram" not in read
    for changes in ({"synapse_core.lanes_per_cycle": 2}, {"noc.flit_bits": 64}, {"ec_core.special_functions_per_cycle": 0.5}):
        other = vary(BASE, changes)
        assert mapping_key(other, goal) != mapping_key(BASE, goal) and mapping_key(other) == mapping_key(BASE)
        assert all(reads(figure, goal) and not reads(figure) for figure in changes)
    assert mapping_key(BASE, goal) != mapping_key(BASE)
    assert mapping_key(vary(BASE, {"clock_mhz": 100.0}), goal) == mapping_key(BASE, goal)


def test_unread_figures_are_figures_of_cores() -> None:
    known = {field.name for core in (SynapseCore, ECCore) for field in fields(core)}
    assert known >= UNREAD_OF_CORES


def same_tables(one: CoreProgram, two: CoreProgram) -> bool:
    return all(
        np.array_equal(getattr(getattr(one, table), field.name), getattr(getattr(two, table), field.name))
        for table in ("parts", "cores", "flows", "routes")
        for field in fields(getattr(one, table))
    )
