"""What a model folder says of its encoder, validated: sizes, activation, epsilon, pooling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from synaptile.conversion.graph.units import ECFunction
from synaptile.foundation.errors import FileFormatError, ModelError

Pooling: TypeAlias = Literal["mean", "cls"]

MODEL_TYPES = ("bert", "roberta", "xlm-roberta")
ACTIVATIONS: dict[str, ECFunction] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder. `positions` are the rows of its position table, of which `first_position` is a sentence's first.

    `pooling` takes the mean of all tokens or the first one; `normalised` divides it by its norm.
    """

    name: str
    model_type: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int
    positions: int
    types: int
    activation: ECFunction
    eps: float
    first_position: int
    pooling: Pooling
    normalised: bool

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence that has positions."""
        return self.positions - self.first_position


def read_config(folder: Path) -> EncoderConfig:
    """Read ``config.json`` and the pooling modules. Raises FileFormatError for damaged files, ModelError for unsupported ones."""
    file = folder / "config.json"
    values = _read_json(file, dict)
    kind = values.get("model_type")
    if kind not in MODEL_TYPES:
        raise ModelError(f"{file}: model_type is {kind!r}, supported are {', '.join(MODEL_TYPES)}")
    activation = values.get("hidden_act")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ModelError(f"{file}: hidden_act is {activation!r}, supported are {', '.join(ACTIVATIONS)}")
    if (positions := values.get("position_embedding_type", "absolute")) != "absolute":
        raise ModelError(f"{file}: position_embedding_type is {positions!r}, supported is 'absolute'")
    for flag in ("is_decoder", "add_cross_attention"):
        if values.get(flag, False):
            raise ModelError(f"{file}: {flag} is set: only encoders are supported")
    eps = values.get("layer_norm_eps")
    if isinstance(eps, bool) or not isinstance(eps, float | int) or not 0 < eps < 1:
        raise ModelError(f"{file}: layer_norm_eps is {eps!r}, needs a number above 0 and below 1")
    pooling, normalised = _read_pooling(folder)
    config = EncoderConfig(
        folder.resolve().name if values.get("_name_or_path") in (None, "") else str(values["_name_or_path"]).rpartition("/")[2],
        str(kind),
        _size(file, values, "vocab_size"),
        _size(file, values, "hidden_size"),
        _size(file, values, "num_hidden_layers"),
        _size(file, values, "num_attention_heads"),
        _size(file, values, "intermediate_size"),
        _size(file, values, "max_position_embeddings"),
        _size(file, values, "type_vocab_size"),
        ACTIVATIONS[activation],
        float(eps),
        0 if kind == "bert" else _size(file, values, "pad_token_id", least=0) + 1,
        pooling,
        normalised,
    )
    if config.width % config.heads:
        raise ModelError(f"{file}: hidden_size {config.width} does not divide over {config.heads} heads")
    if config.longest < 1:
        raise ModelError(f"{file}: {config.positions} positions leave none behind the padding's: the file was altered")
    return config


def _size(file: Path, values: dict[str, Any], name: str, least: int = 1) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ModelError(f"{file}: {name} is {value!r}, needs to be an integer of at least {least}")
    return value


def _read_pooling(folder: Path) -> tuple[Pooling, bool]:
    """Pooling of a sentence encoder's modules; without any, the mean of all tokens as it is."""
    file = folder / "modules.json"
    if not file.is_file():
        return "mean", False
    kinds = []
    pooling: Pooling = "mean"
    for entry in _read_json(file, list):
        kind = str(entry.get("type", "")).rpartition(".")[2] if isinstance(entry, dict) else ""
        kinds.append(kind)
        if kind == "Pooling":
            pooling = _pooling_mode(folder / str(entry.get("path", "")) / "config.json")
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(f"{file}: modules {', '.join(kinds)}: supported are Transformer, Pooling and then, perhaps, Normalize")
    return pooling, kinds[-1] == "Normalize"


def _pooling_mode(file: Path) -> Pooling:
    values = _read_json(file, dict)
    chosen = sorted(
        name.removeprefix("pooling_mode_") for name, on in values.items() if name.startswith("pooling_mode_") and on is True
    )
    if chosen == ["mean_tokens"]:
        return "mean"
    if chosen == ["cls_token"]:
        return "cls"
    raise ModelError(f"{file}: pooling {', '.join(chosen) or 'of no kind'}: supported are mean_tokens or cls_token alone")


def _read_json(file: Path, kind: type[Any]) -> Any:
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file: a model folder holds config.json and model.safetensors")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{file}: not readable as JSON: {error}") from error
    if not isinstance(values, kind):
        raise FileFormatError(f"{file}: holds a {type(values).__name__}, needs a {kind.__name__}")
    return values
