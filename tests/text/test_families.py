"""Does every family of encoders, under a head or not, compute what Hugging Face's own code does, and run by every method?"""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import ECMT
from synaptile.conversion.convert import convert
from synaptile.conversion.differential import Differential
from synaptile.conversion.method import Method
from synaptile.conversion.spikezip import SpikeZIP
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.conversion.text.families import FAMILIES, relative_buckets
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.errors import ModelError, WeightsError
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from tests.simulator.runs import splitting_chip

transformers = pytest.importorskip("transformers", reason="checkpoints are made, and encoders run, by Hugging Face's package")
torch = pytest.importorskip("torch", reason="Hugging Face's encoders are PyTorch")

SIZES = {
    "vocab_size": 60,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
}
DISTILBERT = {"vocab_size": 60, "dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "max_position_embeddings": 24}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("Bert", "Model", SIZES),
    "bert, pre-training": ("Bert", "ForPreTraining", SIZES),
    "roberta": ("Roberta", "Model", SIZES),
    "roberta, classifier": ("Roberta", "ForSequenceClassification", SIZES),
    "xlm-roberta, masked": ("XLMRoberta", "ForMaskedLM", SIZES),
    "camembert": ("Camembert", "ForMaskedLM", SIZES),
    "electra": ("Electra", "ForPreTraining", {**SIZES, "embedding_size": 8}),
    "electra, one width": ("Electra", "ForMaskedLM", {**SIZES, "embedding_size": 12}),
    "ernie": ("Ernie", "ForMaskedLM", SIZES),
    "ernie, tasks": ("Ernie", "Model", {**SIZES, "use_task_id": True, "task_type_vocab_size": 3}),
    "distilbert": ("DistilBert", "Model", DISTILBERT),
    "distilbert, masked": ("DistilBert", "ForMaskedLM", DISTILBERT),
    "mpnet": ("MPNet", "ForMaskedLM", SIZES),
    "albert": ("Albert", "ForPreTraining", {**SIZES, "embedding_size": 8}),
    "albert, groups": (
        "Albert",
        "Model",
        {**SIZES, "embedding_size": 12, "num_hidden_layers": 5, "num_hidden_groups": 3, "inner_group_num": 2},
    ),
}


def made(case: str, folder: Path) -> Any:
    """A random model of Hugging Face's in float64, saved to a folder."""
    kind, head, sizes = CASES[case]
    torch.manual_seed(1)
    model = getattr(transformers, f"{kind}{head}")(getattr(transformers, f"{kind}Config")(**sizes)).eval().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


def batch_of(lengths: list[int], seed: int = 2) -> Tokens:
    ids = np.random.default_rng(seed).integers(5, 60, (len(lengths), max(lengths)))
    return Tokens(ids, (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int64))


def mean_embeddings(model: Any, batch: Tokens) -> np.ndarray:
    """Mean of the real tokens of the encoder's last layer."""
    mask, pad = np.asarray(batch.mask), model.config.pad_token_id or 0
    ids = torch.from_numpy(np.where(mask == 1, batch.ids, pad))
    with torch.no_grad():
        last = model.base_model(input_ids=ids, attention_mask=torch.from_numpy(mask)).last_hidden_state.numpy()
    return np.asarray((last * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True))


def test_every_family_is_here() -> None:
    assert {case.partition(",")[0] for case in CASES} == set(FAMILIES)


@pytest.mark.parametrize("case", list(CASES))
def test_a_checkpoint_as_hugging_face_saves_it(case: str, tmp_path: Path) -> None:
    model, batch = made(case, tmp_path), batch_of([1, 9, 4, 18])
    encoder = load_text_encoder(tmp_path, tokens=18)
    np.testing.assert_allclose(ann_forward(encoder.lowered, batch), mean_embeddings(model, batch), rtol=0, atol=1e-9)
    stored = set(load_file(tmp_path / "model.safetensors"))
    prefix = f"{model.base_model_prefix}." if model.base_model is not model else ""
    parts = ("embeddings", "encoder", "transformer")
    assert set(encoder.left_out) == {name for name in stored if not name.startswith(tuple(prefix + part for part in parts))}
    assert encoder.left_out or "distilbert" in case
    assert encoder.lowered.metadata.get("left_out", []) == list(encoder.left_out)


def test_the_oldest_names_of_norms(tmp_path: Path) -> None:
    model, file = made("bert, pre-training", tmp_path), tmp_path / "model.safetensors"
    tensors = {k.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v for k, v in load_file(file).items()}
    save_file(tensors, file)
    batch = batch_of([3, 7])
    found = ann_forward(load_text_encoder(tmp_path).lowered, batch)
    np.testing.assert_allclose(found, mean_embeddings(model, batch), rtol=0, atol=1e-9)
    save_file({**tensors, "bert.embeddings.LayerNorm.weight": np.ones(12)}, file)
    with pytest.raises(WeightsError, match=r"LayerNorm\.gamma' and .*LayerNorm\.weight' are the same"):
        load_text_encoder(tmp_path)


def test_two_encoders_in_one_file(tmp_path: Path) -> None:
    made("bert", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {f"document.{name}": array for name, array in tensors.items()}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"is there 2 times \('', 'document\.'\): keep the tensors of one encoder"):
        load_text_encoder(tmp_path)


@pytest.mark.parametrize(
    ("case", "key", "value", "said"),
    [
        ("mpnet", "relative_attention_num_buckets", 16, "is 16, its code knows 32 alone"),
        ("albert", "num_hidden_groups", 3, "num_hidden_groups is 3, there are 2 layers"),
        ("albert", "num_hidden_layers", 1_000_000_000, "num_hidden_layers is 1000000000, needs to be an integer of 1 to 256"),
        ("distilbert", "dim", 0, "dim is 0"),
        ("distilbert", "activation", "mish", "activation is 'mish'"),
        ("electra", "embedding_size", "wide", "embedding_size is 'wide'"),
    ],
)
def test_a_configuration_that_is_not_supported(case: str, key: str, value: Any, said: str, tmp_path: Path) -> None:
    made(case, tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(ModelError, match=said):
        load_text_encoder(tmp_path)


def bucket(key: int, token: int) -> int:
    """MPNet's row for a pair, by its formula, borders apart (they are powers of sqrt(2) times 8)."""
    distance, half = abs(token - key), 16 * (key > token)
    if distance < 8:
        return half + distance
    return half + min(15, 8 + math.floor(2 * math.log2(distance / 8) + 1e-9))


def test_rows_of_relative_positions() -> None:
    found = relative_buckets(400)
    expected = [[bucket(key, token) for key in range(400)] for token in range(400)]
    assert found.tolist() == expected
    published = importlib.import_module("transformers.models.mpnet.modeling_mpnet").MPNetEncoder.relative_position_bucket
    pairs = torch.arange(400)[None, :] - torch.arange(400)[:, None]
    assert found.tolist() == published(pairs, num_buckets=32).tolist()


@pytest.mark.parametrize("method", [ECMT(), SpikeZIP(levels=16), Differential()], ids=lambda method: method.name)
@pytest.mark.parametrize("case", ["distilbert", "mpnet", "albert"])
def test_cores_execute_what_the_reference_does(case: str, method: Method, tmp_path: Path) -> None:
    made(case, tmp_path)
    encoder, batch = load_text_encoder(tmp_path, tokens=7), batch_of([7, 2, 5, 1])
    graph = convert(encoder, batch_of([7, 6, 5, 7, 3], seed=8), method=method)
    dense = reference(graph, batch, 4)
    run = execute(map_graph(graph, splitting_chip(), anneal_moves=5), batch, 4, numeric="float64")
    np.testing.assert_allclose(run.logits, dense.logits, rtol=0, atol=1e-9)
    alone = Tokens(batch.ids[1:2, :2], batch.mask[1:2, :2])
    np.testing.assert_allclose(reference(graph, alone, 4).logits[:, 0], dense.logits[:, 1], rtol=0, atol=1e-12)
