"""The embedded model's files: a small vision transformer's weights, its traced graph and the digits it reads.

Nothing here needs torch but `digits_model`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import ImageError

if TYPE_CHECKING:
    import torch

DATA_DIR = Path(__file__).parent
DIGITS_WEIGHTS = DATA_DIR / "digits_vit.safetensors"
DIGITS_DESCRIPTION = DATA_DIR / "digits_vit.json"
DIGITS_IMAGES = DATA_DIR / "digits.npz"
DIGITS_GRAPH = DATA_DIR / "digits.spk"
DIGITS_SPIKFORMER = DATA_DIR / "digits_spikformer.spk"
DIGITS_QANN = DATA_DIR / "digits_qann.safetensors"


@dataclass(frozen=True)
class Digits:
    """Handwritten digits of one split.

    `images` is an array of uint8, shape (n, 8, 8), values 0..16 (ink); `labels` of uint8, shape (n,), values 0..9;
    `indices` of int64, shape (n,), says where each digit stands in scikit-learn's ``load_digits()``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int64]


def embedded_digits(split: Literal["test", "calibration"]) -> Digits:
    """The embedded digits: 200 the model never saw ("test"), or 128 of those it was trained on ("calibration")."""
    with np.load(DIGITS_IMAGES, allow_pickle=False) as arrays:
        return Digits(arrays[f"{split}_images"], arrays[f"{split}_labels"], arrays[f"{split}_indices"])


def digits_description() -> dict[str, Any]:
    """How to rebuild the embedded model and preprocess for it, with its measured accuracy: ``digits_vit.json``."""
    description: dict[str, Any] = json.loads(DIGITS_DESCRIPTION.read_text(encoding="utf-8"))
    return description


def preprocess_digits(images: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Digits as the embedded model reads them: ``(pixel / 16 - mean) / std`` in three identical channels.

    Args:
        images: integers 0..16, shape (n, 8, 8).

    Returns:
        Array of float32, shape (n, 3, 8, 8), values -1..1.

    Raises:
        ImageError: where shape, type or range is another.
    """
    description = digits_description()
    how = description["preprocessing"]
    size, maximum = description["kwargs"]["img_size"], how["pixel_maximum"]
    if images.ndim != 3 or images.shape[1:] != (size, size) or not np.issubdtype(images.dtype, np.integer):
        raise ImageError(f"digits have shape {images.shape} and type {images.dtype}: give integers of shape (n, {size}, {size})")
    if images.size and not 0 <= images.min() <= images.max() <= maximum:
        raise ImageError(f"digits range over {images.min()}..{images.max()}, limit 0..{maximum}: scale them to 0..{maximum}")
    mean, std = (np.asarray(how[key], dtype=np.float32)[:, None, None] for key in ("mean", "std"))
    pixels = images.astype(np.float32)[:, None] / np.float32(maximum)
    return np.asarray((pixels - mean) / std, dtype=np.float32)


def digits_model() -> torch.nn.Module:
    """The embedded model, rebuilt by timm with its trained weights, in evaluation mode. Needs torch and timm."""
    from synaptile.conversion.weights import load_vision_transformer

    description = digits_description()
    how, size = description["preprocessing"], description["kwargs"]["img_size"]
    config = {
        "architecture": "digits_vit",
        "input_size": (3, size, size),
        "crop_pct": 1.0,
        "mean": how["mean"],
        "std": how["std"],
    }
    return load_vision_transformer(DIGITS_WEIGHTS, config, **description["kwargs"])
