"""What a model folder says of its encoder, validated: sizes, activation, epsilon, pooling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from synaptile.conversion.graph.units import ECFunction
from synaptile.conversion.text.families import BUCKETS, FAMILIES, Family
from synaptile.foundation.errors import FileFormatError, ModelError

Pooling: TypeAlias = Literal["mean", "cls"]

MOST, MOST_LAYERS = 1 << 24, 1 << 8
DEFAULT_EPS = 1e-12
"""Of every family here (Hugging Face's configuration classes)."""

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

    `types` and `tasks` are the rows of the tables of token types and of tasks (ERNIE), 0 without one. `pooling` takes the mean
    of all tokens or the first one; `normalised` divides it by its norm. `embedding` is the width of embeddings that a Linear
    brings to `width`, None where they have it. `shared` are an ALBERT's groups of layers, and the layers of a group.
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
    tasks: int = 0
    embedding: int | None = None
    shared: tuple[int, int] | None = None

    @property
    def family(self) -> Family:
        """How its checkpoints are laid out."""
        return FAMILIES[self.model_type]

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence that has positions."""
        return self.positions - self.first_position


def read_config(folder: Path) -> EncoderConfig:
    """Read ``config.json`` and the pooling modules. Raises FileFormatError for damaged files, ModelError for unsupported ones."""
    file = folder / "config.json"
    values = _read_json(file, dict)
    kind = values.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(f"{file}: model_type is {kind!r}, supported are {', '.join(FAMILIES)}")
    family = FAMILIES[kind]
    given = _Values(file, values, family)
    act = family.keys.get("hidden_act", "hidden_act")
    activation = values.get(act)
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ModelError(f"{file}: {act} is {activation!r}, supported are {', '.join(ACTIVATIONS)}")
    if (positions := values.get("position_embedding_type", "absolute")) != "absolute":
        raise ModelError(f"{file}: position_embedding_type is {positions!r}, supported is 'absolute'")
    for flag in ("is_decoder", "add_cross_attention"):
        if values.get(flag, False):
            raise ModelError(f"{file}: {flag} is set: only encoders are supported")
    if family.relative and (rows := values.get("relative_attention_num_buckets", BUCKETS)) != BUCKETS:
        raise ModelError(f"{file}: relative_attention_num_buckets is {rows!r}, its code knows {BUCKETS} alone")
    pooling, normalised = _read_pooling(folder)
    shared = (given.size("num_hidden_groups"), given.size("inner_group_num", most=MOST_LAYERS)) if family.shares_layers else None
    width, layers = given.size("hidden_size"), given.size("num_hidden_layers", most=MOST_LAYERS)
    if shared and shared[0] > layers:
        raise ModelError(f"{file}: num_hidden_groups is {shared[0]}, there are {layers} layers: the file was altered")
    narrow = given.size("embedding_size") if family.shares_layers or "embedding_size" in values else width
    first = family.first_position
    config = EncoderConfig(
        folder.resolve().name if values.get("_name_or_path") in (None, "") else str(values["_name_or_path"]).rpartition("/")[2],
        kind,
        given.size("vocab_size"),
        width,
        layers * (shared[1] if shared else 1),
        given.size("num_attention_heads"),
        given.size("intermediate_size"),
        given.size("max_position_embeddings"),
        given.size("type_vocab_size") if family.has_types else 0,
        ACTIVATIONS[activation],
        given.eps(),
        given.size("pad_token_id", least=0) + 1 if first is None else first,
        pooling,
        normalised,
        given.size("task_type_vocab_size") if kind == "ernie" and values.get("use_task_id") is True else 0,
        narrow if family.shares_layers or narrow != width else None,
        shared,
    )
    if config.width % config.heads:
        raise ModelError(f"{file}: hidden_size {config.width} does not divide over {config.heads} heads")
    if config.longest < 1:
        raise ModelError(f"{file}: {config.positions} positions leave none behind the padding's: the file was altered")
    return config


@dataclass(frozen=True)
class _Values:
    """Numbers of a ``config.json``, by BERT's keys."""

    file: Path
    values: dict[str, Any]
    family: Family

    def size(self, name: str, least: int = 1, most: int = MOST) -> int:
        """An integer within limits. Raises ModelError."""
        key = self.family.keys.get(name, name)
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ModelError(f"{self.file}: {key} is {value!r}, needs to be an integer of {least:,} to {most:,}")
        return value

    def eps(self) -> float:
        """Epsilon of every LayerNorm; old files leave out the default of the family's code. Raises ModelError."""
        value = self.values.get("layer_norm_eps", DEFAULT_EPS) if self.family.eps is None else self.family.eps
        if isinstance(value, bool) or not isinstance(value, float | int) or not 0 < value < 1:
            raise ModelError(f"{self.file}: layer_norm_eps is {value!r}, needs a number above 0 and below 1")
        return float(value)


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
