"""Is the ANN of a lowered encoder what an independent PyTorch encoder computes, padding masked as attention masks do?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.conversion.text.lower import lower_encoder
from tests.text.small_encoders import config_of, sentences, weights_of, write_folder
from tests.text.torch_encoder import ACTIVATIONS, torch_embeddings


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("pooling", "normalised"), [("mean", True), ("mean", False), ("cls", True)])
def test_a_padded_batch_gives_the_embeddings_of_pytorch(activation: str, pooling: str, normalised: bool) -> None:
    config = config_of(3, activation, pooling, normalised=normalised)
    weights, batch = weights_of(config, seed=4), sentences([1, 7, 3, 10, 7], seed=5)
    graph = lower_encoder(config, weights, 10)
    np.testing.assert_allclose(ann_forward(graph, batch), torch_embeddings(config, weights, batch), rtol=0, atol=1e-12)


def test_positions_of_the_roberta_family_begin_behind_the_padding(tmp_path: Path) -> None:
    config = {"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1}
    weights = weights_of(config_of())
    weights["embeddings.token_type_embeddings.weight"] = weights["embeddings.token_type_embeddings.weight"][:1]
    encoder = load_text_encoder(write_folder(tmp_path, config, {f"roberta.{k}": v for k, v in weights.items()}))
    assert (encoder.config.first_position, encoder.lowered.source.tokens) == (2, 10)
    batch = sentences([4, 9])
    expected = torch_embeddings(encoder.config, weights, batch)
    np.testing.assert_allclose(ann_forward(encoder.lowered, batch), expected, rtol=0, atol=1e-12)
