"""mapping_key: chips of one key are mapped alike: for room whatever their lanes and links, for a goal whatever their energies."""

from __future__ import annotations

from dataclasses import asdict

from synaptile.foundation.digest import digest_of
from synaptile.foundation.options import MappingGoal
from synaptile.hwmodels import Chip

UNREAD_OF_CORES = frozenset(
    {
        "lanes_per_cycle",
        "neuron_updates_per_cycle",
        "multipliers_per_cycle",
        "special_functions_per_cycle",
        "weight_bank_bits",
        "state_bank_bits",
        "memory_in_ac",
        "registers",
        "formats",
    }
)
"""Figures of cores that mapping for room does not read.

Of the rest of a chip it reads the mesh, `READ_OF_NOC`, where weights lie, and whether spikes wait in a buffer.
"""

READ_OF_NOC = ("topology", "multicast")
"""Figures of the network that mapping for room reads: how far tiles are apart, and whether copies of a message share links."""


def mapping_key(chip: Chip, goal: MappingGoal = "room") -> str:
    """Hex digest of the figures that mapping for a goal reads: equal keys give equal parts, cores, flows and routes.

    Mapping for room reads the mesh and most figures of cores; mapping for time reads all of cores, and of the network.
    """
    unread = UNREAD_OF_CORES if goal == "room" else frozenset[str]()
    cores = {
        kind: None if core is None else {name: value for name, value in asdict(core).items() if name not in unread}
        for kind, core in (("synapse", chip.synapse_core), ("ec", chip.ec_core))
    }
    waiting = chip.memories.event_buffer is not None
    noc = asdict(chip.noc) if goal != "room" else {name: getattr(chip.noc, name) for name in READ_OF_NOC}
    figures = {"mesh": asdict(chip.mesh), "weights": chip.weights, "waiting": waiting, "noc": noc, **cores}
    return digest_of(figures if goal == "room" else figures | {"goal": goal})


def reads(figure: str, goal: MappingGoal = "room") -> bool:
    """Whether mapping for a goal reads a figure, by its dotted name in a chip file."""
    section, _, key = figure.partition(".")
    if section in ("synapse_core", "ec_core"):
        return goal != "room" or key.partition(".")[0] not in UNREAD_OF_CORES
    if section == "noc":
        return goal != "room" or key in READ_OF_NOC
    return section in ("mesh", "weights") or figure.startswith("memories.event_buffer.")
