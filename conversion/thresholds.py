"""Base thresholds of MT neurons (paper, Algorithm 1) and the two published presets."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import Add, ECUnit, MTNeurons, Node, ReadOut, SpikingGraph, Synapse, TokenSelect, takes_text
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.errors import CalibrationError, InputError
from synaptile.foundation.options import Preset

Thresholds: TypeAlias = Mapping[str, tuple[float, float, int]]
RELEASED_SOFTMAX = (0.0125, 0.0125)
RELEASED_FC2 = (0.25, 0.08)
NO_BATCH = "the calibration set holds no batch: give at least one image or sentence"


def check_per_sign(n: Any) -> None:
    """Raise CalibrationError unless `n` is a number of thresholds per sign."""
    if isinstance(n, bool) or not (isinstance(n, int | np.integer) and 1 <= n <= 16):
        raise CalibrationError(f"n {n!r} is no number of thresholds per sign: give an integer from 1 to 16")


def measure_thresholds(
    graph: SpikingGraph, batches: Iterable[NDArray[Any] | Tokens], p: float = 0.99, known: Collection[str] = ()
) -> dict[str, tuple[float, float]]:
    """theta1 and theta2 of every site not `known`: p- and minus (1-p)-quantile of the ANN's values, averaged over batches.

    The quantile is the k-th smallest value, k = int(p * values). A site whose (1-p)-quantile is not negative takes
    theta2 = theta1, one whose p-quantile is not positive theta1 = theta2. Raises CalibrationError naming a site that has neither.
    """
    low: dict[str, list[float]] = {site.name: [] for site in graph.sites if site.name not in known}
    high: dict[str, list[float]] = {site: [] for site in low}

    def observe(site: str, values: NDArray[Any]) -> None:
        if site not in low:
            return
        flat = values.reshape(-1)
        ranks = [max(1, int(q * flat.size)) - 1 for q in (1 - p, p)]
        ordered = np.partition(flat, ranks)
        low[site].append(float(ordered[ranks[0]]))
        high[site].append(float(ordered[ranks[1]]))

    for batch in batches:
        ann_forward(graph, batch, observe)
    measured: dict[str, tuple[float, float]] = {}
    for site in low:
        if not high[site]:
            raise CalibrationError(NO_BATCH)
        theta1, theta2 = float(np.float32(np.mean(high[site]))), -float(np.float32(np.mean(low[site])))
        if not (math.isfinite(theta1) and math.isfinite(theta2) and max(theta1, theta2) > 0):
            raise CalibrationError(
                f"site {site!r}: the quantiles over {len(high[site])} calibration batches are {theta1:g} ({p:g}) and {-theta2:g} "
                f"({1 - p:g}): one must be positive or negative: use other calibration images, or inject "
                "thresholds={site: (theta1, theta2, n)}"
            )
        measured[site] = (theta1 if theta1 > 0 else theta2, theta2 if theta2 > 0 else theta1)
    return measured


def preset_thresholds(graph: SpikingGraph, preset: Preset) -> dict[str, tuple[float, float]]:
    """Thresholds that a preset fixes instead of measuring: none for ``paper``.

    ``released`` fixes those after softmax and, in a ViT, those in front of fc2; EVA keeps its quantiles there.
    """
    if preset != "released":
        return {}
    fixed: dict[str, tuple[float, float]] = {}
    for site in graph.sites:
        source = graph.nodes[site.inputs[0].node]
        if isinstance(source, ECUnit) and source.function == "softmax":
            fixed[site.name] = RELEASED_SOFTMAX
        elif isinstance(source, ECUnit) and site.name.endswith(".fc2.in") and not is_eva(graph):
            fixed[site.name] = RELEASED_FC2
    return fixed


def is_eva(graph: SpikingGraph) -> bool:
    """True for timm's EVA family."""
    return str(graph.metadata.get("model", "")).startswith("eva")


def default_n(graph: SpikingGraph) -> int:
    """The paper's thresholds per sign: 8, and 6 for EVA."""
    return 6 if is_eva(graph) else 8


def apply_preset(graph: SpikingGraph, preset: Preset) -> SpikingGraph:
    """Give the graph a preset's structure: ``released`` has no MT neurons in front of the head.

    The head is every synapse whose output reaches the read-out without passing another MT site. Raises InputError for a graph of
    text, of which no code is published.
    """
    if preset == "paper":
        return graph
    if takes_text(graph):
        raise InputError(f"preset {preset!r} is what published code does for vision transformers: text takes 'paper'")
    return without_head_neurons(graph)


def without_head_neurons(graph: SpikingGraph) -> SpikingGraph:
    """The graph with every Linear of `head_synapses` on real values."""
    heads = {name for name in head_synapses(graph) if isinstance(node := graph.nodes[name], Synapse) and node.spiking}
    bypassed = {graph.nodes[name].inputs[0].node for name in heads}
    nodes: list[Node] = []
    for node in graph.nodes.values():
        if isinstance(node, Synapse) and node.name in heads:
            nodes.append(dataclasses.replace(node, inputs=graph.nodes[node.inputs[0].node].inputs, spiking=False))
        elif node.name not in bypassed:
            nodes.append(node)
    return SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata)


def with_thresholds(graph: SpikingGraph, thresholds: Thresholds) -> SpikingGraph:
    """The graph with (theta1, theta2, n) set at every site. Raises CalibrationError for missing, unknown or unusable ones."""
    sites = [site.name for site in graph.sites]
    if other := [site for site in graph.sites if not isinstance(site, MTNeurons)]:
        raise CalibrationError(
            f"site {other[0].name!r} of kind {other[0].kind!r} has no thresholds to set: convert with method 'ecmt'"
        )
    if unknown := sorted(set(thresholds) - set(sites)):
        near = difflib.get_close_matches(unknown[0], sites, n=3, cutoff=0.0)
        raise CalibrationError(
            f"thresholds name {len(unknown)} sites that do not exist, first {unknown[0]!r}; near it: {', '.join(near)}"
        )
    if missing := [site for site in sites if site not in thresholds]:
        raise CalibrationError(f"no thresholds for {len(missing)} sites, first {missing[0]!r}: calibrate or inject them")
    nodes: list[Node] = []
    for node in graph.nodes.values():
        if isinstance(node, MTNeurons):
            theta1, theta2, n = checked_threshold(node.name, thresholds[node.name])
            node = dataclasses.replace(node, theta1=theta1, theta2=theta2, n=n)
        nodes.append(node)
    return SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata)


def checked_threshold(site: str, values: Any) -> tuple[float, float, int]:
    """A site's (theta1, theta2, n) as plain numbers. Raises CalibrationError."""
    if not isinstance(values, Sequence) or len(values) != 3 or not all(isinstance(value, Real) for value in values):
        raise CalibrationError(f"site {site!r}: {values!r} is not a triple of numbers (theta1, theta2, n)")
    theta1, theta2, n = (float(value) for value in values)
    if not (0 < theta1 < math.inf and 0 < theta2 < math.inf and 1 <= n <= 16 and n.is_integer()):
        raise CalibrationError(
            f"site {site!r}: theta1 {theta1:g}, theta2 {theta2:g}, n {n:g}: thresholds must be positive, finite, n 1 to 16"
        )
    return theta1, theta2, int(n)


def head_synapses(graph: SpikingGraph) -> set[str]:
    """Synapses whose output reaches the read-out without passing another neuron site."""
    heads: set[str] = set()
    pending = [graph.readout.name]
    while pending:
        node = graph.nodes[pending.pop()]
        if isinstance(node, Synapse):
            heads.add(node.name)
        elif isinstance(node, ReadOut | TokenSelect) or (isinstance(node, Add) and node.tokens == 1):
            pending.extend(port.node for port in node.inputs)
    return heads
