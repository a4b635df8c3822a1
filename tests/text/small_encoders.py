"""Small random encoders of the BERT family for tests, as folders, weights and graphs; no package of their own needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors.numpy import save_file

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.text.config import EncoderConfig
from synaptile.conversion.text.lower import lower_encoder
from synaptile.conversion.text.tokens import Tokens
from synaptile.conversion.text.weights import expected_shapes

CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 8,
    "intermediate_size": 16,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 12,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 20,
}


def config_of(layers: int = 2, activation: Any = "gelu", pooling: Any = "mean", *, normalised: bool = True) -> EncoderConfig:
    """Sizes of CONFIG, with an epsilon so large that a LayerNorm notices how often its input is shown."""
    return EncoderConfig("tiny", "bert", 20, 8, layers, 2, 16, 12, 2, activation, 0.05, 0, pooling, normalised)


def weights_of(config: EncoderConfig, seed: int = 0, dtype: DTypeLike = np.float64) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    found = {}
    for name, shape in expected_shapes(config).items():
        array = rng.standard_normal(shape) / (np.sqrt(shape[-1]) if len(shape) == 2 and "embeddings" not in name else 1.0)
        if name.endswith(".bias"):
            array *= 0.1
        elif "LayerNorm" in name:
            array = 1.0 + 0.1 * array
        found[name] = array.astype(dtype)
    return found


def lowered(tokens: int = 6, layers: int = 2, seed: int = 0, dtype: DTypeLike = np.float64, **how: Any) -> SpikingGraph:
    config = config_of(layers, **how)
    return lower_encoder(config, weights_of(config, seed, dtype), tokens)


def sentences(lengths: list[int], seed: int = 1, width: int | None = None) -> Tokens:
    """Random sentences of the given lengths, padded with other numbers than 0, so that padding that leaks is seen."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 20, (len(lengths), max(lengths) if width is None else width))
    mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    return Tokens(ids, mask)


def write_folder(folder: Path, config: dict[str, Any] | None = None, weights: dict[str, NDArray[Any]] | None = None) -> Path:
    """A model folder; `config` replaces entries of CONFIG (None removes one)."""
    values = {**CONFIG, **(config or {})}
    (folder / "config.json").write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    save_file(weights_of(config_of(), dtype=np.float32) if weights is None else weights, folder / "model.safetensors")
    return folder
