"""Weights of a model folder: every tensor of the encoder, of its shape and finite; heads are left out, and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from synaptile.conversion.text.config import EncoderConfig
from synaptile.conversion.text.families import BUCKETS, LAYER_PARTS
from synaptile.foundation.errors import WeightsError

Arrays = dict[str, NDArray[Any]]

WORDS = "embeddings.word_embeddings.weight"
ROOTS = ("embeddings.", "embeddings_project.", "encoder.", "transformer.")
"""Begin the names of what belongs to an encoder; anything else in a file is a head."""
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""Counters that old files store."""
_DTYPES = {"F16": np.float32, "F32": np.float32, "F64": np.float64}


def expected_shapes(config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of an encoder, by BERT's names; layers that share tensors each have their own."""
    width, hidden, narrow = config.width, config.hidden, config.embedding or config.width
    tables = {"word": config.vocabulary, "position": config.positions, "token_type": config.types, "task_type": config.tasks}
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{name}_embeddings.weight": (rows, narrow) for name, rows in tables.items() if rows
    }
    if config.family.relative:
        shapes["encoder.relative_attention_bias.weight"] = (BUCKETS, config.heads)
    linears = {} if config.embedding is None else {"embeddings_project": (width, narrow)}
    norms = {"embeddings.LayerNorm": narrow}
    for i in range(config.layers):
        for part in LAYER_PARTS:
            if part.endswith("LayerNorm"):
                norms[f"encoder.layer.{i}.{part}"] = width
            else:
                outer, inner = part == "intermediate.dense", part == "output.dense"
                linears[f"encoder.layer.{i}.{part}"] = (hidden if outer else width, hidden if inner else width)
    for name, (rows, columns) in linears.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    return shapes | {f"{norm}.{field}": (size,) for norm, size in norms.items() for field in ("weight", "bias")}


def stored_names(config: EncoderConfig) -> dict[str, str]:
    """The names of `expected_shapes` -> what its family calls them, prefix aside."""
    family = config.family
    modules = {"embeddings_project": family.projection}
    for i in range(config.layers):
        place: tuple[int, ...] = (i,)
        if config.shared is not None:
            groups, inner = config.shared
            place = (int(i // inner / (config.layers // inner / groups)), i % inner)  # in floats, as the published code
        layer = family.layer.format(*place)
        modules |= {
            f"encoder.layer.{i}.{ours}": f"{layer}.{theirs}" for ours, theirs in zip(LAYER_PARTS, family.parts, strict=True)
        }
    names = {}
    for name in expected_shapes(config):
        module, _, field = name.rpartition(".")
        names[name] = f"{modules.get(module, module)}.{field}"
    return names


def read_weights(folder: Path, config: EncoderConfig) -> tuple[Arrays, tuple[str, ...]]:
    """Tensors of ``model.safetensors`` by the names of `expected_shapes`, and the names of those that are no part of an encoder.

    Half precision is widened to float32. Raises WeightsError for a file that is missing or damaged, for tensors of the encoder
    that are missing, surplus, misshapen, of another dtype or not finite, and for more than one encoder.
    """
    file = folder / "model.safetensors"
    if not file.is_file():
        raise WeightsError(f"{file}: no such file: pickled checkpoints are never loaded, save the model as safetensors")
    shapes, names = expected_shapes(config), stored_names(config)
    try:
        with safe_open(file, framework="numpy") as stored:
            found, left_out = _found(file, list(stored.keys()), set(names.values()))
            shape_of = {theirs: shapes[ours] for ours, theirs in names.items()}
            read = {name: _tensor(file, stored, key, shape_of[name]) for name, key in found.items()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: not a readable safetensors file: {error}") from error
    return {ours: read[theirs] for ours, theirs in names.items()}, left_out


def _found(file: Path, keys: list[str], needed: set[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Name of each tensor needed -> the file's, with its prefix and perhaps LayerNorm.gamma and beta; what is no encoder's."""
    prefixes = sorted(key.removesuffix(WORDS) for key in keys if key == WORDS or key.endswith(f".{WORDS}"))
    if len(prefixes) != 1:
        many = f"is there {len(prefixes)} times ({', '.join(map(repr, prefixes[:3]))}): keep the tensors of one encoder"
        raise WeightsError(f"{file}: {f'tensor {WORDS!r} {many}' if prefixes else f'no tensor {WORDS!r}, with any prefix'}")
    found: dict[str, str] = {}
    left_out, surplus = [], []
    for key in sorted(keys):
        name = key.removeprefix(prefixes[0])
        if not key.startswith(prefixes[0]) or not name.startswith(ROOTS):
            left_out.append(key)
            continue
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        if name in found:
            raise WeightsError(f"{file}: tensors {found[name]!r} and {key!r} are the same by their names: keep one")
        if name in needed:
            found[name] = key
        elif name not in BUFFERS:
            surplus.append(key)
    missing = sorted(needed - found.keys())
    if missing or surplus:
        problems = [
            f"{len(names)} {what} (first {names[0]!r})" for names, what in ((missing, "missing"), (surplus, "surplus")) if names
        ]
        raise WeightsError(
            f"{file}: tensors do not match config.json: {', '.join(problems)}: save model and configuration together"
        )
    return found, tuple(left_out)


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
