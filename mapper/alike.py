"""mapping_key: for room, chips of one key are mapped alike, whatever their clocks, lanes, links and energies."""

from __future__ import annotations

from dataclasses import asdict

from synaptile.foundation.digest import digest_of
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
"""Figures of cores that mapping for room does not read. Of the rest of a chip it reads the mesh, and nothing else."""


def mapping_key(chip: Chip) -> str:
    """Hex digest of the figures that mapping for room reads: equal keys give equal parts, cores, flows and routes."""
    cores = {
        kind: None if core is None else {name: value for name, value in asdict(core).items() if name not in UNREAD_OF_CORES}
        for kind, core in (("synapse", chip.synapse_core), ("ec", chip.ec_core))
    }
    return digest_of({"mesh": asdict(chip.mesh), "weights": chip.weights, **cores})
