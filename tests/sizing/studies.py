"""A small network and family of chips that take no time to size."""

from __future__ import annotations

from functools import cache
from typing import Any

from synaptile.hwmodels import Chip
from synaptile.simulator import Activity, synthesise
from synaptile.studies.sizing.answer import Value
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.synthetic.drawn import structure_of

PARAMETERS: dict[str, list[Value]] = {
    "synapse_core.lanes_per_cycle": [1, 2, 4],
    "ec_core.multipliers_per_cycle": [1, 2, 4],
    "synapse_core.weight_memory_kib": [2, 4, 8],
    "mesh.width+mesh.height": [4, 5, 7],
}


@cache
def base() -> Chip:
    synapse: dict[str, Any] = {"weight_bank_bits": 8192, "state_bank_bits": 8192, "lanes_per_cycle": 4}
    return small_chip(synapse=synapse, ec={"state_memory_bits": 65536, "state_bank_bits": 8192}, mesh={"max_chips": 1})


@cache
def drawn() -> Activity:
    return synthesise(structure_of(vit_graph(2, 9, 32, 4, 64, 5)), 2, 0.3, chip=base(), images=2, keep_spikes=2)
