"""A text encoder's folder, read and lowered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.text.config import EncoderConfig, read_config
from synaptile.conversion.text.lower import lower_encoder
from synaptile.conversion.text.tokenizer import FILE, KEY
from synaptile.conversion.text.weights import read_weights
from synaptile.foundation.arguments import expect_path
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.shown import Brief

DEFAULT_TOKENS = 64
"""Tokens of the longest sentence that a graph takes, unless asked otherwise."""


@dataclass(frozen=True, eq=False, repr=False)
class TextEncoder(Brief):
    """An encoder ready to be converted: its configuration, and its `lowered` graph, thresholds still unset.

    `left_out` are the names of tensors of the file that are no part of an encoder: heads, a pooler.
    """

    config: EncoderConfig
    lowered: SpikingGraph
    left_out: tuple[str, ...] = ()


def load_text_encoder(folder: str | Path, *, tokens: int | None = None) -> TextEncoder:
    """Read a folder of the BERT family (``config.json``, ``model.safetensors``, ``tokenizer.json``) and lower it.

    Supported are the families of `families.FAMILIES`, as model alone or under a head: heads are left out and listed.

    `tokens` is the longest sentence that the graph takes, special tokens included; None takes 64, or as many as the model has
    positions for. Nothing in the folder is executed.

    Raises FileFormatError for a folder or file that is missing or damaged, ModelError for an architecture that is not supported,
    WeightsError for tensors that do not match it, InputError for more tokens than positions.
    """
    root = expect_path(folder, "model folder")
    if not root.is_dir():
        raise FileFormatError(f"{root}: no such model folder")
    config = read_config(root)
    weights, left_out = read_weights(root, config)
    metadata: dict[str, Any] = {"left_out": list(left_out)} if left_out else {}
    if (root / FILE).is_file():
        try:
            metadata[KEY] = (root / FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FileFormatError(f"{root / FILE}: not readable as UTF-8 text: {error}") from error
    chosen = min(DEFAULT_TOKENS, config.longest) if tokens is None else tokens
    return TextEncoder(config, lower_encoder(config, weights, chosen, metadata), left_out)
