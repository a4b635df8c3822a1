"""A trace from the sample to the logits: the nodes that a model leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from synaptile.conversion.graph import ImageSource, Port, SpikeSource
from synaptile.conversion.graph.node import Law
from synaptile.conversion.torch_snn.builder import Builder
from synaptile.conversion.torch_snn.forms import real_port
from synaptile.conversion.torch_snn.operators import OPERATORS, fire
from synaptile.conversion.torch_snn.places import Origin, Places, Run, followed, places
from synaptile.foundation.errors import ModelError


def trace(
    model: torch.nn.Module,
    shape: tuple[int, ...],
    steps: int,
    timed: bool,
    sample: tuple[int, ...],
    input: str,
    normalisation: tuple[Any, Any],
) -> tuple[Builder, Law, Port]:
    """Nodes of the model, the law of its read-out and what is read out."""
    builder = Builder()
    run = Run(builder, steps, OPERATORS, fire)
    size = int(np.prod(sample))
    image = (sample[0], sample[1], sample[2]) if len(sample) == 3 else (size, 1, 1)
    if input == "spikes":
        node: SpikeSource | ImageSource = SpikeSource("input", (), (1, size), sample)
    else:
        means = normalisation if image[0] == 3 else ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        node = _image(size, image, means)
    source = builder.add(node, (image[1], image[2]))
    numbers = torch.arange(size, dtype=torch.float64).reshape(1, *sample)
    data = numbers.expand(steps, 1, *sample) if timed else numbers
    origin = Origin((source,), size, input == "spikes", timed=False)
    with followed(model, run), torch.no_grad():
        out = model(places(run, data.clone(), origin))
    if not isinstance(out, Places):
        raise ModelError(f"the model returns a {type(out).__name__}: it must return logits, one tensor")
    return builder, out.origin.law or "mean", real_port(out)


def _image(size: int, image: tuple[int, int, int], means: tuple[Any, Any]) -> ImageSource:
    mean, std = means
    return ImageSource("image", (), (1, size), image_shape=image, mean=mean, std=std, presentation="constant", rate_steps=0)
