"""The structure of a timm model as a SpikingGraph without arrays: enough to map, to draw activity for, to price and to size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synaptile.conversion.calibrate import ECMT
from synaptile.conversion.convert import lower_model
from synaptile.conversion.extra import require_torch
from synaptile.conversion.graph import MTNeurons, SpikingGraph
from synaptile.conversion.thresholds import apply_preset, default_n, preset_thresholds, with_thresholds
from synaptile.conversion.weights import load_timm
from synaptile.foundation.options import Preset

if TYPE_CHECKING:
    import torch


def structure_of_timm(name: str, *, preset: Preset = "paper", n: int | None = None, **options: Any) -> SpikingGraph:
    """Nodes of a timm model converted by ECMT, without weights and with thresholds of 1 where the preset fixes none.

    Weights are never made: every parameter is one zero seen through its shape. A model whose buffers are computed as it is built
    (relative positions) is built whole, with random weights, and dropped. `n` are thresholds per sign, by default
    8, and 6 for EVA; `options` go to ``timm.create_model``. Raises ModelError, UnsupportedOperator, InputError, CalibrationError.
    """
    ECMT(preset, n)  # checks both
    require_torch()
    graph = apply_preset(lower_model(_weightless(name, options)), preset)
    fixed = preset_thresholds(graph, preset)
    n = default_n(graph) if n is None else n
    graph = with_thresholds(graph, {site.name: (*fixed.get(site.name, (1.0, 1.0)), n) for site in graph.of_type(MTNeurons)})
    facts = {**graph.metadata, "method": "ecmt", "preset": preset, "n": n, "weights": "none: structure only"}
    return SpikingGraph.build(graph.name, graph.nodes.values(), {}, facts, structure_only=True)


def _weightless(name: str, options: dict[str, Any]) -> torch.nn.Module:
    """The model with parameters that take no memory, or with random ones where its buffers must be computed."""
    import torch

    with torch.device("meta"):
        model = load_timm(name, random_seed=0, **options)
    if any(buffer.is_meta for buffer in model.buffers()):
        return load_timm(name, random_seed=0, **options)
    for module in model.modules():
        for key, parameter in module.named_parameters(recurse=False):
            zero = torch.zeros((), dtype=parameter.dtype).expand(parameter.shape)
            setattr(module, key, torch.nn.Parameter(zero, requires_grad=False))
    return model
