"""Trains the embedded model: a small timm VisionTransformer on the 8x8 digits that come with scikit-learn.

Writes ``digits_vit.safetensors`` (weights), ``digits_vit.json`` (how to rebuild the model and preprocess an image, with the
measured accuracy) and ``digits.npz`` (test and calibration digits) into ``synaptile/data``. Needs the extras `convert` and
`dev`; takes about two minutes on one core::

    python scripts/train_digits.py [--out FOLDER]
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from synaptile.foundation.files import atomic_path, write_json

DATA_DIR = Path(__file__).resolve().parents[1] / "synaptile" / "data"

# Every value is JSON, so that VisionTransformer(**kwargs) rebuilds the model from digits_vit.json alone.
MODEL_KWARGS: dict[str, Any] = {
    "img_size": 8,
    "patch_size": 2,
    "in_chans": 3,
    "num_classes": 10,
    "global_pool": "token",
    "embed_dim": 48,
    "depth": 4,
    "num_heads": 4,
    "mlp_ratio": 4.0,
    "qkv_bias": True,
    "class_token": True,
}
PIXEL_MAXIMUM = 16
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
SPLIT_SEED = 0
TEST_IMAGES = 450
EMBEDDED_TEST_IMAGES = 200
CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class Jitter:
    """Light augmentation: each figure is the largest deviation either way."""

    degrees: float = 15.0
    scale: float = 0.1
    shear: float = 0.15
    shift_pixels: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """Training settings, recorded beside the weights."""

    seed: int = 0
    epochs: int = 200
    batch: int = 64
    peak_learning_rate: float = 1.5e-3
    warmup_epochs: int = 5
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    ema_decay: float = 0.99
    # timm starts position embeddings at 0.02, next to patches of size 1: the order of patches is then learned late or never.
    position_std: float = 0.5
    jitter: Jitter = field(default_factory=Jitter)


@dataclass(frozen=True)
class Split:
    """Digits of one split: `images` uint8 0..16, shape (n, 8, 8); `labels` uint8, shape (n,); `indices` into load_digits()."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Split:
        """The split's `rows`, in their order."""
        return Split(self.images[rows], self.labels[rows], self.indices[rows])


def split_digits() -> tuple[Split, Split]:
    """The training and the test split: stratified by label, seeded."""
    digits = load_digits()
    order = np.arange(len(digits.target), dtype=np.int64)
    everything = Split(digits.images.astype(np.uint8), digits.target.astype(np.uint8), order)
    train, test = train_test_split(order, test_size=TEST_IMAGES, stratify=digits.target, random_state=SPLIT_SEED)
    return everything.take(train), everything.take(test)


def balanced_rows(labels: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """Rows of the first `count` digits when classes take turns, shape (count,), sorted: class sizes differ by one at most."""
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rows] = np.arange(len(rows))
    return np.sort(np.lexsort((labels, turn))[:count])


def preprocess(images: NDArray[np.uint8]) -> Tensor:
    """Digits 0..16, shape (n, 8, 8), as the model reads them: float32, shape (n, 3, 8, 8), three identical channels."""
    pixels = torch.from_numpy(images.astype(np.float32) / PIXEL_MAXIMUM)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels[:, None].expand(-1, 3, -1, -1) - mean) / std


def jittered(images: Tensor, jitter: Jitter, generator: torch.Generator) -> Tensor:
    """Each image turned, scaled, sheared and shifted at random, bilinearly, background moving in. Shape as the input's."""

    def uniform(reach: float) -> Tensor:
        return (2.0 * torch.rand(len(images), generator=generator) - 1.0) * reach

    angle, scale = uniform(math.radians(jitter.degrees)), 1.0 + uniform(jitter.scale)
    cos, sin, shear = angle.cos() * scale, angle.sin() * scale, uniform(jitter.shear)
    # affine_grid measures in half images: one pixel is 2 / width.
    right, down = uniform(2.0 * jitter.shift_pixels / images.shape[3]), uniform(2.0 * jitter.shift_pixels / images.shape[2])
    matrices = torch.stack([cos, shear - sin, right, sin, cos, down], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    # grid_sample pads with zero, so the background is made zero first.
    background = (0.0 - MEAN[0]) / STD[0]
    return functional.grid_sample(images - background, grid, align_corners=False) + background


def learning_rate_factor(step: int, warmup: int, total: int) -> float:
    """Linear warm-up, then a cosine down to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def optimise(
    model: torch.nn.Module, split: Split, recipe: Any, generator: torch.Generator, after_step: Callable[[], None] = lambda: None
) -> None:
    """Train on jittered images of `split`: AdamW, cross entropy, gradients clipped; `after_step` is called after each step.

    `recipe` is a `Recipe`, or another dataclass that has the fields of it which are read here.
    """
    images, labels = preprocess(split.images), torch.from_numpy(split.labels.astype(np.int64))
    per_epoch = len(labels) // recipe.batch
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.peak_learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, recipe.warmup_epochs * per_epoch, recipe.epochs * per_epoch)
    )
    for epoch in range(recipe.epochs):
        model.train()
        loss_sum = 0.0
        order = torch.randperm(len(labels), generator=generator)
        for start in range(0, per_epoch * recipe.batch, recipe.batch):
            rows = order[start : start + recipe.batch]
            logits = model(jittered(images[rows], recipe.jitter, generator))
            loss = functional.cross_entropy(logits, labels[rows], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            after_step()
            loss_sum += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:4d}/{recipe.epochs}  loss {loss_sum / per_epoch:.4f}", flush=True)


def output_folder(description: str | None) -> Path:
    """The folder that the command line names; one thread from here on: sums come in one order, weights come out the same."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DATA_DIR, help="folder to write to (default: %(default)s)")
    out: Path = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    return out


def correct_answers(model: VisionTransformer, split: Split) -> int:
    """How many images of `split` the model classifies rightly."""
    model.eval()
    with torch.inference_mode():
        predicted = model(preprocess(split.images)).argmax(1).numpy()
    return int(np.sum(predicted == split.labels))


def train(split: Split, recipe: Recipe) -> VisionTransformer:
    """Trains on `split` and returns the exponential moving average of the weights, in evaluation mode."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = VisionTransformer(**MODEL_KWARGS, weight_init="jax")
    assert model.pos_embed is not None
    torch.nn.init.normal_(model.pos_embed, std=recipe.position_std)
    average = copy.deepcopy(model).eval()

    def follow() -> None:
        with torch.no_grad():
            for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(value, 1.0 - recipe.ema_decay)

    optimise(model, split, recipe, generator, follow)
    return average


def main() -> None:
    """Trains, measures and writes the three files."""
    out = output_folder(__doc__)

    recipe = Recipe()
    training, test = split_digits()
    embedded = test.take(balanced_rows(test.labels, EMBEDDED_TEST_IMAGES))
    calibration = training.take(balanced_rows(training.labels, CALIBRATION_IMAGES))
    model = train(training, recipe)
    splits = {"training": training, "test_split": test, "embedded_test": embedded}
    correct = {name: correct_answers(model, split) for name, split in splits.items()}
    weights = save(model.state_dict())
    description = {
        "model": "timm.models.vision_transformer.VisionTransformer",
        "kwargs": MODEL_KWARGS,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "preprocessing": {"pixel_maximum": PIXEL_MAXIMUM, "mean": MEAN, "std": STD},
        "images": {name: len(split.labels) for name, split in splits.items()},
        "correct": correct,
        "training": {"split_seed": SPLIT_SEED, **asdict(recipe)},
        "versions": {"torch": torch.__version__, "timm": timm.__version__, "scikit-learn": sklearn.__version__},
    }
    with atomic_path(out / "digits_vit.safetensors") as partial:
        partial.write_bytes(weights)
    with atomic_path(out / "digits.npz") as partial, partial.open("wb") as handle:
        np.savez_compressed(
            handle,
            test_images=embedded.images,
            test_labels=embedded.labels,
            test_indices=embedded.indices,
            calibration_images=calibration.images,
            calibration_labels=calibration.labels,
            calibration_indices=calibration.indices,
        )
    write_json(out / "digits_vit.json", description)
    for name, split in splits.items():
        print(f"{name}: {correct[name]} of {len(split.labels)} ({correct[name] / len(split.labels):.1%})")


if __name__ == "__main__":
    main()
