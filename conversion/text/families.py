"""How the checkpoints of each kind of encoder are laid out: keys of ``config.json``, names of tensors, what differs from BERT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from synaptile.foundation.types import Int64

LAYER_PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
"""What a layer holds, by the names of BERT, which are ours."""

BUCKETS, FARTHEST = 32, 128
"""MPNet's relative positions: rows of its table, and the distance from which on all share the last."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of encoder; the defaults are BERT's."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """Key of BERT's ``config.json`` -> this family's, where it differs."""
    eps: float | None = None
    """Epsilon of every LayerNorm, where the code fixes it and ``config.json`` says nothing."""
    first_position: int | None = 0
    """Row of the position table that a sentence begins at; None where it follows the padding's (``pad_token_id + 1``)."""
    has_types: bool = True
    """Whether token types have embeddings."""
    relative: bool = False
    """Whether scores get a bias by distance (`relative_buckets`)."""
    layer: str = "encoder.layer.{0}"
    """A layer's name, by its number."""
    parts: tuple[str, ...] = LAYER_PARTS
    """This family's names of `LAYER_PARTS`."""
    projection: str = "embeddings_project"
    """The Linear that widens embeddings to the width of the layers, where there is one."""
    shares_layers: bool = False
    """Whether layers of a group are one set of tensors, and embeddings always projected."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bert": Family(),
        "roberta": Family(first_position=None),
        "xlm-roberta": Family(first_position=None),
        "camembert": Family(first_position=None),
        "electra": Family(),
        "ernie": Family(),
        "distilbert": Family(
            keys={
                "hidden_act": "activation",
                "hidden_size": "dim",
                "num_hidden_layers": "n_layers",
                "num_attention_heads": "n_heads",
                "intermediate_size": "hidden_dim",
            },
            eps=1e-12,
            has_types=False,
            layer="transformer.layer.{0}",
            parts=(
                "attention.q_lin",
                "attention.k_lin",
                "attention.v_lin",
                "attention.out_lin",
                "sa_layer_norm",
                "ffn.lin1",
                "ffn.lin2",
                "output_layer_norm",
            ),
        ),
        "mpnet": Family(
            first_position=2,  # its code fixes padding at row 1, whatever pad_token_id says
            has_types=False,
            relative=True,
            parts=(
                "attention.attn.q",
                "attention.attn.k",
                "attention.attn.v",
                "attention.attn.o",
                "attention.LayerNorm",
                *LAYER_PARTS[5:],
            ),
        ),
        "albert": Family(
            layer="encoder.albert_layer_groups.{0}.albert_layers.{1}",
            parts=(
                "attention.query",
                "attention.key",
                "attention.value",
                "attention.dense",
                "attention.LayerNorm",
                "ffn",
                "ffn_output",
                "full_layer_layer_norm",
            ),
            projection="encoder.embedding_hidden_mapping_in",
            shares_layers=True,
        ),
    }
)
"""``model_type`` -> family. Within one, checkpoints differ in sizes and prefix alone."""


def relative_buckets(tokens: int) -> Int64:
    """Row of MPNet's table for each token (rows) and key (columns), shape (tokens, tokens).

    Half of the rows are for keys behind the token; of a half, the first 8 are one distance each, the others grow by a factor of
    sqrt(2) up to `FARTHEST`. In float32, as the published code computes it: at the borders rounding decides.
    """
    distance = np.arange(tokens)[:, None] - np.arange(tokens)
    half, near = BUCKETS // 2, BUCKETS // 4
    ratio = np.log(np.maximum(np.abs(distance), 1).astype(np.float32) / np.float32(near)) / np.float32(np.log(FARTHEST / near))
    far = np.minimum(near + (ratio * np.float32(half - near)).astype(np.int64), half - 1)
    return np.asarray(np.where(distance < 0, half, 0) + np.where(np.abs(distance) < near, np.abs(distance), far), np.int64)
