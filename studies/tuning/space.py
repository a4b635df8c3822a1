"""What is searched: a factor on the thresholds of each kind of MT site, and how many thresholds each site has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from synaptile.conversion.differential import rescaled
from synaptile.conversion.graph import DifferentialNeurons, ECUnit, MTNeurons, Neurons, SpikingGraph, Synapse
from synaptile.conversion.thresholds import with_thresholds
from synaptile.energy import site_kind
from synaptile.foundation.errors import GraphError

SMALLEST, LARGEST = 1 / 8, 8.0
"""Bounds of the factors, which multiply theta1 and theta2 alike."""

FEWER, MORE = 3, 1
"""How many thresholds per sign the search may take away from, or add to, those of the graph."""

By = Literal["kind", "third", "site"]
"""What shares a factor: sites of a kind, sites of a kind in a third of the blocks, or each site for itself."""

_MOST_LEVELS = 16
_THIRDS = ("early", "middle", "late")


@dataclass(frozen=True)
class Candidate:
    """Factors by group of sites, and the change of n, the number of thresholds per sign, at every site."""

    factors: Mapping[str, float]
    levels: int = 0


def check_tunable(graph: SpikingGraph) -> None:
    """Raises GraphError for a graph with sites that have no thresholds of their own to tune, or with none at all."""
    kinds = {type(site) for site in graph.sites}
    tunable = MTNeurons if MTNeurons in kinds else DifferentialNeurons
    other = [site.name for site in graph.sites if not isinstance(site, tunable)]
    if other or not graph.sites:
        sites = f"{len(other)} sites of another kind, first {other[0]!r}" if other else "no neuron sites"
        raise GraphError(
            f"graph {graph.name!r} has {sites}: only multi-threshold neurons are tuned, convert with method ecmt or differential"
        )


def group_of(site: str) -> str:
    """The kind of a site: ``attn.q`` for ``blocks.3.attn.q``."""
    return site_kind(site).rpartition("*.")[2]


def grouped(graph: SpikingGraph, by: By) -> dict[str, str]:
    """The group of each site, in graph order: itself, its kind, or ``attn.q (early)`` for a kind in a third of the blocks."""
    names = [site.name for site in graph.sites]
    if by == "site":
        return dict(zip(names, names, strict=True))
    if by == "kind":
        return {name: group_of(name) for name in names}
    blocks = {name: int(numbers[0]) for name in names if (numbers := re.findall(r"(?<=\.)\d+(?=\.)", name))}
    count = 1 + max(blocks.values(), default=0)
    thirds = {name: f" ({_THIRDS[len(_THIRDS) * block // count]})" for name, block in blocks.items()}
    return {name: group_of(name) + thirds.get(name, "") for name in names}


def groups(graph: SpikingGraph, by: By) -> tuple[str, ...]:
    """Groups of a graph's sites, in graph order."""
    return tuple(dict.fromkeys(grouped(graph, by).values()))


def level_bounds(graph: SpikingGraph) -> tuple[int, int]:
    """Least and largest change of n that leaves every site 1 to 16 thresholds per sign."""
    levels = [site.n for site in graph.sites]
    return -min(FEWER, min(levels) - 1), min(MORE, _MOST_LEVELS - max(levels))


def baseline(graph: SpikingGraph, by: By) -> Candidate:
    """The graph as it is."""
    return Candidate(dict.fromkeys(groups(graph, by), 1.0))


def first_guesses(graph: SpikingGraph, by: By) -> tuple[Candidate, ...]:
    """Where the search begins, the best of several.

    Multi-threshold neurons: thresholds behind softmax and activation functions doubled, in front of other Linears halved. Coarse
    spikes do where values are many and small; what a Linear reads from a norm is worth finer ones. Differential neurons: a ladder
    of the scale that all sites share, of finer thresholds behind softmax (a row of a map sums to one at any scale), and of n.
    """
    group, (fewer, more) = grouped(graph, by), level_bounds(graph)
    if not graph.of_type(DifferentialNeurons):
        return (Candidate({group[site.name]: _guess(graph, site) for site in graph.sites}),)

    def scaled(scale: float, maps: float, levels: int = 0) -> Candidate:
        return Candidate({group[site.name]: maps if site.is_map else scale for site in graph.sites}, levels)

    ladder = [scaled(scale, maps) for scale, maps in ((2.0, 1.0), (4.0, 1.0), (4.0, 0.5), (8.0, 0.5))]
    return (*ladder, *(scaled(4.0, 0.5, levels) for levels in (-1, 1) if fewer <= levels <= more))


def apply(graph: SpikingGraph, candidate: Candidate, by: By, *, facts: Mapping[str, Any] | None = None) -> SpikingGraph:
    """The graph with a candidate's thresholds; `facts` are kept in its metadata under ``tuning``."""
    group = grouped(graph, by)
    factors = {site.name: candidate.factors[group[site.name]] for site in graph.sites}
    if graph.of_type(DifferentialNeurons):
        tuned = rescaled(graph, factors, candidate.levels)
    else:
        of = {s.name: (s.theta1 * factors[s.name], s.theta2 * factors[s.name], s.n + candidate.levels) for s in graph.sites}
        tuned = with_thresholds(graph, of)
    if facts is None:
        return tuned
    return SpikingGraph.build(tuned.name, tuned.nodes.values(), tuned.arrays, {**tuned.metadata, "tuning": dict(facts)})


def _guess(graph: SpikingGraph, site: Neurons) -> float:
    source = graph.nodes[site.inputs[0].node]
    if isinstance(source, ECUnit) and not source.normalises:
        return 2.0
    return 0.5 if any(isinstance(graph.nodes[name], Synapse) for name in graph.consumers(site.name)) else 1.0
