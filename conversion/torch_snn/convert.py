"""A spiking PyTorch model as a SpikingGraph: run once on a tensor of places, whose every operator leaves a node or moves places.

What the model does to shapes (reshape, transpose, repeat over time, heads) needs no rule: torch itself moves the numbers of the
elements, and where a node reads them, it sees which element stands where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from synaptile.conversion.extra import is_module, require_torch
from synaptile.conversion.graph import ReadOut, SpikingGraph
from synaptile.conversion.graph.needed import without_dead_nodes
from synaptile.foundation.errors import InputError, ModelError

if TYPE_CHECKING:
    import torch


def from_torch_snn(
    model: torch.nn.Module,
    input_shape: Sequence[int],
    steps: int,
    *,
    name: str | None = None,
    input: Literal["image", "spikes"] = "image",
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5),
    std: tuple[float, float, float] = (0.5, 0.5, 0.5),
) -> SpikingGraph:
    """A SpikingGraph whose spikes are the model's, step by step.

    Args:
        model: in evaluation mode, its states reset; neurons are SpikingJelly's IFNode, LIFNode and ParametricLIFNode (or modules
            of these names and attributes), all in multi-step mode or all in single-step mode.
        input_shape: of what the model is called with, one sample: (1, channels, H, W) or (1, features); in multi-step mode
            (steps, 1, channels, H, W) or (steps, 1, features) where the model does not repeat its input over time itself.
        steps: time steps of the model, T.
        name: of the graph; None takes the class of the model.
        input: "image", real values shown at every step; "spikes", trains of 0 and 1.
        mean: of each colour, by which image files are normalised for the model.
        std: likewise.

    Sums of spikes (residual adds) stay apart: a layer behind them takes the spikes of every addend, one event each. Sums of
    currents and membranes are adds. BatchNorm is folded into the layer in front.

    Raises ModelError, naming module and operator, for a model in training mode, with states that were not reset, with mixed step
    modes or single-step neurons that see several steps, for neurons, layers and orders of layers that cores cannot hold;
    InputError for arguments out of range.
    """
    require_torch()
    from synaptile.conversion.torch_snn.check import check_model
    from synaptile.conversion.torch_snn.trace import trace

    if not is_module(model):
        raise InputError(f"model is a {type(model).__name__}, needs a torch.nn.Module")
    if input not in ("image", "spikes"):
        raise InputError(f"input is {input!r}, must be 'image' or 'spikes'")
    if not isinstance(steps, int) or steps < 1:
        raise InputError(f"steps is {steps!r}, needs a whole number of at least 1")
    shape = tuple(int(extent) for extent in input_shape)
    timed = len(shape) in (3, 5)
    sample, batch = shape[2 if timed else 1 :], shape[1 if timed else 0] if len(shape) > 1 else 0
    if len(shape) not in (2, 3, 4, 5) or min(shape) < 1 or batch != 1 or (timed and shape[0] != steps):
        raise InputError(
            f"input_shape is {shape}, needs one sample as the model takes it: (1, channels, H, W), (1, features), or with "
            f"{steps} steps in front"
        )
    multi = check_model(model)
    if timed and not multi:
        raise ModelError(
            f"input_shape {shape} holds {steps} steps, the model's neurons are in single-step mode: call "
            "functional.set_step_mode(model, 'm') of SpikingJelly, or give the shape of one step"
        )
    builder, law, last = trace(model, shape, steps if multi else 1, timed, sample, input, (mean, std))
    readout = builder.add(ReadOut("readout", (last,), (1, last.width), law=law, off_chip=builder.is_site(last.node)))
    facts = {"method": "torch_snn", "steps": steps, "step_mode": "multi" if multi else "single"}
    nodes, arrays = without_dead_nodes(builder.nodes, builder.arrays, readout)
    return SpikingGraph.build(name or type(model).__name__, nodes, arrays, facts)
