"""Section `power`: what clocks, waiting and control take, beside operations and leakage."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.hwmodels.sourced import RealOrZero, Section


@dataclass(frozen=True)
class Switching(Section):
    """What a core takes in every cycle beside its operations: clocks of its registers, and what switches without need."""

    busy_pj_per_cycle: RealOrZero
    """In a cycle in which it works."""
    idle_pj_per_cycle: RealOrZero
    """In a cycle in which it waits, clocked."""
    gated_pj_per_cycle: RealOrZero
    """In a cycle of a core that nothing is mapped to."""


@dataclass(frozen=True)
class RouterSwitching(Section):
    """What a router takes in every cycle beside the flits that it passes on."""

    idle_pj_per_cycle: RealOrZero
    """On a tile in use."""
    gated_pj_per_cycle: RealOrZero
    """On any other."""


@dataclass(frozen=True, kw_only=True)
class Power(Section):
    """Dynamic power that no single operation causes. A tile is in use that holds a core in use, or a route."""

    synapse_core: Switching
    """Of one synapse core."""
    ec_core: Switching | None = None
    """Of one EC core; absent without EC cores."""
    router: RouterSwitching
    """Of one router."""
    clock_tree_pj_per_cycle: RealOrZero
    """The clock on its way to one tile in use."""
    control_factor: RealOrZero
    """Fetch, decode and sequencing of an operation, as a multiple of its own energy."""
