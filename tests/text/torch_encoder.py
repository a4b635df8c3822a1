"""An encoder of the BERT family in PyTorch, written for the tests from the papers: what a lowered graph is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.conversion.text.config import EncoderConfig
from synaptile.conversion.text.tokens import Tokens

torch = pytest.importorskip("torch", reason="the independent encoder is written in PyTorch")

ACTIVATIONS = {
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
}


def torch_embeddings(config: EncoderConfig, weights: dict[str, np.ndarray], batch: Tokens) -> np.ndarray:
    """The encoder as its paper has it: padded tokens pass through everything, masked with minus infinity in every softmax."""
    w = {name: torch.from_numpy(array) for name, array in weights.items()}
    ids, mask = torch.from_numpy(np.asarray(batch.ids)), torch.from_numpy(np.asarray(batch.mask)).bool()
    positions = torch.arange(ids.shape[1]) + config.first_position

    def linear(name: str, x: Any) -> Any:
        return torch.nn.functional.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(name: str, x: Any) -> Any:
        return torch.nn.functional.layer_norm(x, (config.width,), w[f"{name}.weight"], w[f"{name}.bias"], config.eps)

    def heads(x: Any) -> Any:
        return x.view(*x.shape[:2], config.heads, -1).transpose(1, 2)

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][positions]
    x = norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
    for i in range(config.layers):
        at = f"encoder.layer.{i}"
        q, k, v = (heads(linear(f"{at}.attention.self.{part}", x)) for part in ("query", "key", "value"))
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        attended = linear(f"{at}.attention.output.dense", seen.transpose(1, 2).reshape(x.shape))
        x = norm(f"{at}.attention.output.LayerNorm", attended + x)
        inner = ACTIVATIONS[config.activation](linear(f"{at}.intermediate.dense", x))
        x = norm(f"{at}.output.LayerNorm", linear(f"{at}.output.dense", inner) + x)
    mean = (x * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    pooled = x[:, 0] if config.pooling == "cls" else mean
    return np.asarray((torch.nn.functional.normalize(pooled) if config.normalised else pooled).numpy())
