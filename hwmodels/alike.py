"""Which figures two chips must have in common for something to be equal on both: all but the few that are named as unread."""

from __future__ import annotations

import re

from synaptile.foundation.derived import derived
from synaptile.foundation.digest import digest_of
from synaptile.hwmodels.chip import Chip

_ENERGY_OR_AREA = re.compile(r"(^|[._])(pj|uw|um2|mm2)([._]|$)")
"""Figures in these units, whatever their section: what is counted, and when it happens, follows from none of them."""

POWER = "power."
"""Clocks, idle cores and control: shares of what else is priced."""
CLOCK = ("clock_mhz", "barrier_ns")
RATES = (
    *(f"synapse_core.{rate}" for rate in ("lanes_per_cycle", "neuron_updates_per_cycle")),
    *(f"ec_core.{rate}" for rate in ("multipliers_per_cycle", "special_functions_per_cycle", "neuron_updates_per_cycle")),
)
"""How much a core does in a cycle."""
LINKS = ("noc.flit_bits", "noc.link_flits_per_cycle", "noc.cycles_per_hop", "noc.chip_crossing_cycles")
"""How wide and how fast links are."""


@derived
def figures_but(chip: Chip, *unread: str) -> str:
    """Hex digest of all figures of a chip but energies, areas and those whose dotted names begin with one of `unread`."""
    unread = (POWER, *unread)
    read = [figure[:2] for figure in chip.figures() if not (figure[0].startswith(unread) or _ENERGY_OR_AREA.search(figure[0]))]
    return digest_of(read)
