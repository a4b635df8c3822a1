"""Weights of a model folder: every tensor of the encoder, of its shape and finite, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from synaptile.conversion.text.config import EncoderConfig
from synaptile.foundation.errors import WeightsError

Arrays = dict[str, NDArray[Any]]

PREFIXES = ("", "bert.", "roberta.", "model.")
UNUSED = (
    "pooler.dense.weight",
    "pooler.dense.bias",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
)
"""Tensors of the family that sentence embeddings do not read."""
_DTYPES = {"F16": np.float32, "F32": np.float32, "F64": np.float64}


def expected_shapes(config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of an encoder, as its model folder calls them."""
    width, hidden = config.width, config.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config.vocabulary, width),
        "embeddings.position_embeddings.weight": (config.positions, width),
        "embeddings.token_type_embeddings.weight": (config.types, width),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(config.layers):
        layer = f"encoder.layer.{i}"
        for name, (rows, columns) in {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "intermediate.dense": (hidden, width),
            "output.dense": (width, hidden),
        }.items():
            shapes[f"{layer}.{name}.weight"] = (rows, columns)
            shapes[f"{layer}.{name}.bias"] = (rows,)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    shapes |= {f"{norm}.{field}": (width,) for norm in norms for field in ("weight", "bias")}
    return shapes


def read_weights(folder: Path, config: EncoderConfig) -> Arrays:
    """Tensors of ``model.safetensors`` by the names of `expected_shapes`; half precision is widened to float32.

    Raises WeightsError for a file that is missing or damaged, for tensors that are missing, surplus, misshapen, of another dtype
    or not finite.
    """
    file = folder / "model.safetensors"
    if not file.is_file():
        raise WeightsError(f"{file}: no such file: pickled checkpoints are never loaded, save the model as safetensors")
    shapes = expected_shapes(config)
    try:
        with safe_open(file, framework="numpy") as stored:
            found = _named(file, list(stored.keys()), shapes)
            return {name: _tensor(file, stored, key, shapes[name]) for name, key in found.items()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: not a readable safetensors file: {error}") from error


def _named(file: Path, keys: list[str], shapes: dict[str, tuple[int, ...]]) -> dict[str, str]:
    """Our name of each tensor -> the file's, whose names may carry a prefix."""
    first = next(iter(shapes))
    prefix = next((p for p in PREFIXES if p + first in keys), None)
    if prefix is None:
        raise WeightsError(f"{file}: no tensor {first!r} under any of the prefixes {', '.join(map(repr, PREFIXES))}")
    missing = [name for name in shapes if prefix + name not in keys]
    known = {prefix + name for name in (*shapes, *UNUSED)}
    surplus = sorted(key for key in keys if key not in known)
    if missing or surplus:
        problems = [
            f"{len(names)} {what} (first {names[0]!r})" for names, what in ((missing, "missing"), (surplus, "surplus")) if names
        ]
        raise WeightsError(f"{file}: tensors do not match config.json: {', '.join(problems)}")
    return {name: prefix + name for name in shapes}


def _tensor(file: Path, stored: Any, key: str, shape: tuple[int, ...]) -> NDArray[Any]:
    view = stored.get_slice(key)
    found, dtype = tuple(view.get_shape()), view.get_dtype()
    if found != shape:
        raise WeightsError(f"{file}: tensor {key!r} has shape {found}, config.json gives {shape}")
    if dtype not in _DTYPES:
        raise WeightsError(f"{file}: tensor {key!r} is {dtype}, supported are {', '.join(_DTYPES)}: save it as float32")
    array = np.ascontiguousarray(stored.get_tensor(key), _DTYPES[dtype])
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise WeightsError(f"{file}: tensor {key!r} holds {bad} values that are NaN or infinite: repair the weights")
    return array
