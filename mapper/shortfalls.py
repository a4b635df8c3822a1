"""Shortfalls as a mapper states them: what would help, like ones told once, the binding one first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from synaptile.hwmodels import Chip
from synaptile.mapper.footprint import Resource
from synaptile.mapper.refusal import DoesNotFit, Shortfall


class _Lever(NamedTuple):
    """What would help, on chips where it is not so already."""

    text: str
    is_so: Callable[[Chip], bool] = lambda _: False


_LEVERS: dict[str, tuple[_Lever, ...]] = {
    "synapse_core.weight_memory_bits": (
        _Lever("store narrower weights (synapse_core.weight_bits)"),
        _Lever(
            "let synapses shift (synapse_core.graded_spikes: shift) instead of storing 2n copies",
            lambda chip: chip.synapse_core.graded_spikes == "shift",
        ),
    ),
    "synapse_core.state_memory_bits": (
        _Lever("divide the tokens over more replicas (replicas={{'{node}': ...}})"),
        _Lever("store narrower membranes (synapse_core.membrane_bits)"),
    ),
    "synapse_core.max_neurons": (
        _Lever(
            "time-multiplex neurons over tokens (synapse_core.token_sharing: true)", lambda chip: chip.synapse_core.token_sharing
        ),
    ),
    "synapse_core.max_axons": (
        _Lever(
            "time-multiplex axons over tokens (synapse_core.token_sharing: true)", lambda chip: chip.synapse_core.token_sharing
        ),
    ),
    "ec_core.state_memory_bits": (
        _Lever("store narrower state (ec_core.state_bits)"),
        _Lever("use smaller images, hence fewer tokens"),
    ),
    "ec_core.max_neurons": (_Lever("use smaller images, hence fewer keys a row"),),
}


def shortage(chip: Chip, resource: Resource, demand: int, node: str) -> Shortfall:
    """One resource of a core that the smallest part of a node exceeds."""
    others = (lever.text.format(node=node) for lever in _LEVERS[resource.figure] if not lever.is_so(chip))
    levers = (f"raise {resource.figure} to {demand:,}", *others)
    return Shortfall(resource.figure, demand, resource.limit, resource.unit, f"the smallest part of {node!r}", levers)


def refuse(graph: str, chip: str, shortfalls: Iterable[Shortfall]) -> DoesNotFit:
    """The error that tells all shortfalls: those alike once, naming how many nodes share them, the binding one first.

    The binding one is what the chip lacks altogether, else what it falls short of by the largest factor.
    """
    alike: dict[tuple[str, int, int], list[Shortfall]] = {}
    for shortfall in shortfalls:
        alike.setdefault((shortfall.resource, shortfall.demand, shortfall.limit), []).append(shortfall)
    merged = sorted((_merge(group) for group in alike.values()), key=lambda s: -s.demand / s.limit if s.limit else -float("inf"))
    return DoesNotFit(graph, chip, tuple(merged))


def _merge(group: Sequence[Shortfall]) -> Shortfall:
    first = group[0]
    if len(group) == 1:
        return first
    others = f"{first.where}, and of {len(group) - 1} more node{'s' if len(group) > 2 else ''} alike,"
    return Shortfall(first.resource, first.demand, first.limit, first.unit, others, first.levers)
