"""Trains the second embedded model: a small Spikformer, spiking from the start, on the 8x8 digits that come with scikit-learn.

Writes ``digits_spikformer.spk`` into ``synaptile/data``: the graph that `from_torch_snn` makes of it, weights and biases rounded
to whole multiples of 2^-8, so that every sum of four steps is exact in float32 and all machines see the same spikes. Needs the
extras `convert` and `dev`; takes about four minutes on one core::

    python -m scripts.train_digits_spikformer [--out FOLDER]
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from examples.spiking_transformers import LIFNode, Spikformer
from scripts.train_digits import (
    EMBEDDED_TEST_IMAGES,
    Jitter,
    Split,
    balanced_rows,
    optimise,
    output_folder,
    preprocess,
    split_digits,
)
from synaptile.conversion.graph import SpikingGraph, save_graph
from synaptile.conversion.torch_snn import from_torch_snn
from synaptile.simulator import reference

MODEL_KWARGS: dict[str, Any] = {"depth": 2, "channels": 48, "heads": 4, "steps": 4, "pools": (False, False, False, True)}
WEIGHT_STEP = 2.0**-8


@dataclass(frozen=True)
class Recipe:
    """Training settings, recorded in the graph."""

    seed: int = 0
    epochs: int = 120
    batch: int = 64
    peak_learning_rate: float = 4e-3
    warmup_epochs: int = 5
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    surrogate_slope: float = 4.0
    jitter: Jitter = field(default_factory=lambda: Jitter(degrees=10.0, scale=0.08, shear=0.1, shift_pixels=0.7))


class Fire(torch.autograd.Function):
    """A spike where the membrane reaches its threshold; backwards the slope of a sigmoid (Neftci et al., 2019)."""

    @staticmethod
    def forward(ctx: Any, excess: Tensor, slope: float) -> Tensor:
        """0 or 1."""
        ctx.save_for_backward(excess)
        ctx.slope = slope
        return (excess >= 0).to(excess)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient as through a sigmoid."""
        (excess,) = ctx.saved_tensors
        shape = torch.sigmoid(ctx.slope * excess)
        return gradient * ctx.slope * shape * (1.0 - shape), None


class Trainable(LIFNode):
    """The LIF neuron with a gradient."""

    slope = Recipe().surrogate_slope

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of all steps; the reset carries no gradient."""
        v, spikes = torch.zeros_like(x[0]), []
        for current in x:
            v = v + (current - v) / self.tau
            spike = Fire.apply(v - self.v_threshold, self.slope)
            v = v * (1.0 - spike.detach())
            spikes.append(spike)
        return torch.stack(spikes)


def train(split: Split, recipe: Recipe) -> Spikformer:
    """The trained model with plain neurons, in evaluation mode."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = Spikformer(**MODEL_KWARGS, node=Trainable)
    optimise(model, split, recipe, generator)
    trained = Spikformer(**MODEL_KWARGS)
    trained.load_state_dict(model.state_dict())
    return trained.eval()


def rounded(graph: SpikingGraph) -> SpikingGraph:
    """The graph with every weight and bias at the nearest multiple of `WEIGHT_STEP`, float32."""
    arrays = {name: (np.rint(array / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32) for name, array in graph.arrays.items()}
    return SpikingGraph.build(graph.name, graph.nodes.values(), arrays, graph.metadata)


def correct(graph: SpikingGraph, split: Split) -> int:
    """How many images of `split` the spiking network classifies rightly."""
    logits = reference(graph, preprocess(split.images).numpy(), MODEL_KWARGS["steps"]).logits[-1]
    return int(np.sum(logits.argmax(axis=1) == split.labels))


def main() -> None:
    """Trains, rounds, measures and writes the graph."""
    out = output_folder(__doc__)

    recipe = Recipe()
    training, test = split_digits()
    embedded = test.take(balanced_rows(test.labels, EMBEDDED_TEST_IMAGES))
    model = train(training, recipe)
    exact = from_torch_snn(model, (1, 3, 8, 8), MODEL_KWARGS["steps"], name="digits_spikformer")
    graph = rounded(exact)
    for name, split in {"test split": test, "embedded test": embedded}.items():
        print(f"{name}: {correct(graph, split)} of {len(split.labels)}, before rounding {correct(exact, split)}")
    facts = {**graph.metadata, "model": MODEL_KWARGS, "training": asdict(recipe), "versions": {"torch": torch.__version__}}
    save_graph(SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts), out / "digits_spikformer.spk")


if __name__ == "__main__":
    main()
