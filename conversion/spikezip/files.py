"""QANN files: one safetensors file of weights and step sizes, checked against the network they are loaded into.

Tensors are ``<node>.<field>`` as in a SpikingGraph and ``<site>.step_size``, one value each; the header records the levels and
every LayerNorm's epsilon, since a network that normalises with another epsilon settles elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from synaptile.conversion.graph import ECUnit, SpikingGraph, STBIFNeurons
from synaptile.conversion.graph.storage import parse_json, read_safetensors
from synaptile.conversion.spikezip.structure import quantised_structure, with_steps
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import FileFormatError, GraphError, WeightsError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.options import FinitePresentation

FORMAT = "synaptile-qann"
VERSION = 1
_STEP = ".step_size"


def save_qann(graph: SpikingGraph, path: str | Path) -> None:
    """Write the weights, step sizes, levels and epsilons of a SpikeZIP graph. Raises GraphError for another graph."""
    sites = graph.of_type(STBIFNeurons)
    if not sites or len(sites) != len(graph.sites):
        raise GraphError(f"graph {graph.name!r} is no QANN: it needs an ST-BIF quantiser at every site")
    tensors: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(array) for name, array in graph.arrays.items()}
    tensors |= {site.name + _STEP: np.array([site.step_size], np.float64) for site in sites}
    facts: dict[str, Any] = {"levels": max(site.levels for site in sites), "layer_norm_eps": _epsilons(graph)}
    if graph.metadata.get("activations") == "kept":
        facts["activations"] = "kept"
    header = {"format": FORMAT, "version": str(VERSION), "qann": json.dumps(facts), "digest": digest_of(facts, tensors)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def load_qann(path: str | Path, lowered: SpikingGraph, presentation: FinitePresentation = "analog") -> SpikingGraph:
    """The SpikeZIP graph of a QANN file; `lowered` gives the network's structure (its own weights are not used).

    Raises FileFormatError for a file that is cut short, altered or of another kind; InputError for levels that are no power of
    two or leave the accumulator's range; CalibrationError for steps that are missing or not positive; GraphError for epsilons
    that differ; WeightsError for arrays that do not fit.
    """
    header, tensors = read_safetensors(path, FORMAT, VERSION)
    facts = parse_json(header, "qann", str(path))
    if digest_of(facts, tensors) != header.get("digest"):
        raise FileFormatError(f"{path}: content does not match its digest: the file was altered; save the QANN again")
    kept = facts.get("activations") == "kept"
    graph = quantised_structure(lowered, facts.get("levels", 0), presentation, keep_activations=kept)
    steps = {name.removesuffix(_STEP): tensor for name, tensor in tensors.items() if name.endswith(_STEP)}
    if wrong := [site for site, tensor in steps.items() if tensor.size != 1]:
        raise WeightsError(f"{path}: the step size of {wrong[0]!r} has {steps[wrong[0]].size} values, needs 1 a tensor")
    graph = with_steps(graph, {site: float(tensor.reshape(-1)[0]) for site, tensor in steps.items()})
    _check_epsilons(path, facts.get("layer_norm_eps"), graph)
    arrays = {name: tensor for name, tensor in tensors.items() if not name.endswith(_STEP)}
    return SpikingGraph.build(graph.name, graph.nodes.values(), arrays, graph.metadata)


def _epsilons(graph: SpikingGraph) -> dict[str, float]:
    return {unit.name: unit.eps for unit in graph.of_type(ECUnit) if unit.normalises}


def _check_epsilons(path: str | Path, recorded: Any, graph: SpikingGraph) -> None:
    if not isinstance(recorded, dict):
        raise FileFormatError(f"{path}: records no LayerNorm epsilons: save the QANN again")
    for name, eps in _epsilons(graph).items():
        if recorded.get(name) != eps:
            raise GraphError(
                f"{path}: LayerNorm {name!r} was trained with epsilon {recorded.get(name)}, the network has {eps:g}: "
                "they must be equal for the spiking network to settle on the QANN"
            )
