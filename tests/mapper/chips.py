"""Small chips: the shipped reference design with figures replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from synaptile.hwmodels import Chip, load_chip


def small_chip(
    *,
    mesh: dict[str, Any] | None = None,
    synapse: dict[str, Any] | None = None,
    ec: dict[str, Any] | None = None,
    noc: dict[str, Any] | None = None,
) -> Chip:
    """A chip of 4 x 4 tiles, a board of up to 16, with figures of its mesh, synapse core, EC core and network replaced."""
    chip = load_chip("ecmt45")
    assert chip.ec_core is not None
    return replace(
        chip,
        name="small",
        mesh=replace(chip.mesh, **({"width": 4, "height": 4, "max_chips": 16} | (mesh or {}))),
        synapse_core=replace(chip.synapse_core, **(synapse or {})),
        ec_core=replace(chip.ec_core, **(ec or {})),
        noc=replace(chip.noc, **(noc or {})),
    )


def without_ec_cores() -> Chip:
    """The small chip with synapse cores only."""
    chip = small_chip(mesh={"ec_cores_per_tile": 0})
    return replace(chip, name="no-ec", ec_core=None)
