"""Quantisation-aware fine-tuning of a QANN: weights and step sizes together, on labels and on the ANN's own logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.extra import require_torch
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import check_images, source_of
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Progress

if TYPE_CHECKING:
    import torch

Augment = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]


@dataclass(frozen=True)
class TuningRecipe:
    """Settings of the loop: AdamW, a cosine down to zero, cross entropy with `distillation` parts of the ANN's soft logits."""

    epochs: int = 20
    batch: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    distillation: float = 0.5
    temperature: float = 2.0
    seed: int = 0


def fine_tune(
    qann: SpikingGraph,
    images: NDArray[Any],
    labels: NDArray[Any],
    *,
    recipe: TuningRecipe | None = None,
    teacher: SpikingGraph | None = None,
    augment: Augment | None = None,
    progress: Progress | None = None,
) -> SpikingGraph:
    """The QANN fine-tuned on labelled images, as a new graph. Needs torch.

    Args:
        qann: from `calibrate_spikezip` or `load_qann`.
        images: preprocessed, shape (images, channels, H, W).
        labels: integers, shape (images,).
        recipe: settings of the loop; the defaults if None.
        teacher: the ANN's graph, whose logits are imitated; needed where the recipe distils.
        augment: changes a batch (images, generator) at random; the teacher sees what it made.
        progress: called with (epochs done, epochs in all).

    Raises ImageError, GraphError, InputError.
    """
    require_torch()
    import torch
    from torch.nn import functional

    from synaptile.conversion.spikezip.module import QANN

    recipe = recipe or TuningRecipe()
    pixels = torch.from_numpy(check_images(images, source_of(qann).image_shape).astype(qann.dtype, copy=False))
    targets = torch.from_numpy(_check_labels(labels, len(pixels), qann.readout.width))
    if recipe.distillation and teacher is None:
        raise InputError(f"distillation is {recipe.distillation:g} but there is no teacher: give the ANN's graph, or set it to 0")
    network = QANN(qann)
    generator = torch.Generator().manual_seed(recipe.seed)
    batches = max(1, len(pixels) // recipe.batch)
    groups: list[dict[str, Any]] = [
        {"params": network.values.parameters()},
        {"params": network.steps.parameters(), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    total = recipe.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1.0 + math.cos(math.pi * step / total)))
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(pixels), generator=generator)
        for rows in torch.split(order[: batches * recipe.batch], recipe.batch):
            batch = pixels[rows] if augment is None else augment(pixels[rows], generator)
            logits = network(batch)
            loss = functional.cross_entropy(logits, targets[rows])
            if recipe.distillation and teacher is not None:
                soft = torch.from_numpy(ann_forward(teacher, batch.numpy())) / recipe.temperature
                told = functional.kl_div(
                    functional.log_softmax(logits / recipe.temperature, dim=1),
                    functional.softmax(soft, dim=1),
                    reduction="batchmean",
                )
                loss = (1 - recipe.distillation) * loss + recipe.distillation * recipe.temperature**2 * told
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            network.keep_steps_positive()
        if progress is not None:
            progress(epoch + 1, recipe.epochs)
    tuned = network.to_graph()
    facts = {**tuned.metadata, "fine_tuning_epochs": recipe.epochs, "fine_tuning_images": len(pixels)}
    return SpikingGraph.build(tuned.name, tuned.nodes.values(), tuned.arrays, facts)


def _check_labels(labels: NDArray[Any], images: int, classes: int) -> NDArray[np.int64]:
    given = np.asarray(labels)
    if given.shape != (images,) or not np.issubdtype(given.dtype, np.integer) or given.min() < 0 or given.max() >= classes:
        raise InputError(
            f"labels have shape {given.shape} and type {given.dtype}: give {images} integers from 0 to {classes - 1}"
        )
    return given.astype(np.int64)
