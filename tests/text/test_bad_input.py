"""Does every unusable model folder, mask and sentence end in one clear error?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.convert import convert
from synaptile.conversion.graph import SpikingGraph, at_length
from synaptile.conversion.images import source_of
from synaptile.conversion.text import tokenizer
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.conversion.text.tokens import Tokens
from synaptile.energy import break_even, price
from synaptile.foundation.errors import CalibrationError, FileFormatError, GraphError, InputError, ModelError, WeightsError
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference, schedule
from tests.simulator.runs import roomy_chip
from tests.text.small_encoders import config_of, lowered, sentences, weights_of, write_folder


def changed(**tensors: np.ndarray | None) -> dict[str, np.ndarray]:
    """Weights of the small encoder with some replaced (None: removed)."""
    found = weights_of(config_of(), dtype=np.float32)
    for name, array in tensors.items():
        key = name.replace("__", ".")
        if array is None:
            del found[key]
        else:
            found[key] = array
    return found


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "t5"}, "model_type is 't5'"),
        ({"model_type": None}, "model_type is None"),
        ({"hidden_act": "mish"}, "hidden_act is 'mish'"),
        ({"hidden_act": ["gelu"]}, "hidden_act is"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"is_decoder": True}, "is_decoder"),
        ({"layer_norm_eps": 0}, "layer_norm_eps is 0"),
        ({"layer_norm_eps": True}, "layer_norm_eps is True"),
        ({"hidden_size": 7}, "does not divide over 2 heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
        ({"num_attention_heads": True}, "num_attention_heads is True"),
        ({"model_type": "roberta", "pad_token_id": 11}, "leave none"),
    ],
)
def test_a_config_that_is_not_supported(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_text_encoder(write_folder(tmp_path, config))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\udcff"])
def test_a_config_that_is_damaged(tmp_path: Path, text: str) -> None:
    write_folder(tmp_path)
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileFormatError, match=r"config\.json"):
        load_text_encoder(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such model folder"):
        load_text_encoder(tmp_path / "nowhere")
    with pytest.raises(FileFormatError, match=r"config\.json"):
        load_text_encoder(tmp_path)


QUERY = "encoder__layer__1__attention__self__query__weight"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({QUERY: None}, "1 missing .*query"),
        ({"encoder__layer__2__output__dense__bias": np.zeros(8, np.float32)}, "1 surplus .*layer.2"),
        ({QUERY: np.zeros((8, 7), np.float32)}, r"has shape \(8, 7\)"),
        ({QUERY: np.full((8, 8), np.nan, np.float32)}, "64 values that are NaN"),
        ({QUERY: np.zeros((8, 8), np.int32)}, "is I32"),
        ({"embeddings__word_embeddings__weight": None}, "no tensor 'embeddings.word"),
    ],
)
def test_weights_that_do_not_match(tmp_path: Path, tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        load_text_encoder(write_folder(tmp_path, weights=changed(**tensors)))


def test_weights_that_are_missing_cut_short_or_unused(tmp_path: Path) -> None:
    write_folder(tmp_path, weights=changed(pooler__dense__bias=np.zeros(8, np.float32)))
    load_text_encoder(tmp_path)  # a pooler is known, and not read
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(WeightsError, match="not a readable safetensors"):
        load_text_encoder(tmp_path)
    file.unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
    with pytest.raises(WeightsError, match="pickled checkpoints are never loaded"):
        load_text_encoder(tmp_path)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    weights = {name: array.astype(np.float16) for name, array in changed().items()}
    graph = load_text_encoder(write_folder(tmp_path, weights=weights)).lowered
    assert graph.dtype == np.float32
    assert np.isfinite(ann_forward(graph, sentences([3]))).all()


@pytest.mark.parametrize(
    ("modules", "pooling", "said"),
    [
        (["Transformer", "Pooling", "Dense"], {"pooling_mode_mean_tokens": True}, "modules Transformer, Pooling, Dense"),
        (["Transformer", "Pooling"], {"pooling_mode_max_tokens": True}, "max_tokens"),
        (
            ["Transformer", "Pooling"],
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "cls_token, mean_tokens",
        ),
    ],
)
def test_pooling_that_is_not_supported(tmp_path: Path, modules: list[str], pooling: dict[str, bool], said: str) -> None:
    write_folder(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    listed = [{"type": f"models.{kind}", "path": "1_Pooling" if kind == "Pooling" else ""} for kind in modules]
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(ModelError, match=said):
        load_text_encoder(tmp_path)


@pytest.mark.parametrize("tokens", [0, 13, True, 2.0])
def test_more_tokens_than_positions(tmp_path: Path, tokens: Any) -> None:
    with pytest.raises(InputError, match="sentences of 1 to 12 tokens"):
        load_text_encoder(write_folder(tmp_path), tokens=tokens)


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return calibrate(lowered(), sentences([6, 5, 4, 3]))


IDS = np.arange(8).reshape(2, 4)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ((IDS, np.ones((2, 3), int)), r"mask has shape \(2, 3\), the ids \(2, 4\)"),
        ((IDS, np.ones(4, int)), "mask has shape"),
        ((IDS, [[1, 1, 1, 1], [0, 0, 0, 0]]), "sentence 1 has no real token"),
        ((IDS, [[1, 1, 2, 0], [1, 1, 1, 1]]), "other values than 0 and 1"),
        ((IDS, [[1, 1, -1, 0], [1, 1, 1, 1]]), "other values than 0 and 1"),
        ((IDS, [[1, 1, np.nan, 0], [1, 1, 1, 1]]), "other values than 0 and 1"),
        ((IDS, np.full((2, 4), "1")), "other values than 0 and 1"),
        ((IDS, [[1, 1, 1, 1], [1, 0, 1, 0]]), "mask of sentence 1 has padding before a real token"),
        ((IDS, [[0, 1, 1, 1], [1, 1, 1, 1]]), "mask of sentence 0 has padding before a real token"),
        ((IDS.astype(float), np.ones((2, 4), int)), "type float64"),
        ((IDS[0], np.ones(4, int)), r"shape \(4,\)"),
        ((IDS[:0], np.ones((0, 4), int)), r"shape \(0, 4\)"),
        ((np.full((1, 4), 20), np.ones((1, 4), int)), "token 0 of sentence 0 is 20, the vocabulary has 0 to 19"),
        ((np.full((1, 4), -1), np.ones((1, 4), int)), "is -1"),
        ((np.ones((1, 7), int), np.ones((1, 7), int)), "has 7 tokens, the graph was made for up to 6"),
        (np.zeros((2, 3, 8, 8), np.float32), "a ndarray, this network takes Tokens"),
        (["Two words."], "a list, this network takes Tokens"),
    ],
)
def test_sentences_that_cannot_be_run(graph: SpikingGraph, samples: Any, said: str) -> None:
    program = map_graph(graph, roomy_chip(), anneal_moves=5)
    for run in (
        lambda: reference(graph, samples, 2),
        lambda: execute(program, samples, 2),
        lambda: ann_forward(graph, samples),
        lambda: calibrate(lowered(), Tokens(*samples) if isinstance(samples, tuple) else [samples]),
    ):
        with pytest.raises(InputError, match=said):
            run()


def test_what_padding_holds_is_never_read(graph: SpikingGraph) -> None:
    wild = Tokens(np.array([[3, 4, 999, -7]]), np.array([[1, 1, 0, 0]]))
    tame = Tokens(np.array([[3, 4]]), np.ones((1, 2), int))
    assert np.array_equal(reference(graph, wild, 3).logits, reference(graph, tame, 3).logits)


def test_things_that_text_has_not(graph: SpikingGraph) -> None:
    with pytest.raises(GraphError, match="takes text"):
        source_of(graph)
    for length in (0, 7):
        with pytest.raises(GraphError, match="sentences of 1 to 6 tokens"):
            at_length(graph, length)
    program = map_graph(graph, roomy_chip(), anneal_moves=5)
    activity = execute(program, sentences([2, 3]), 2)
    with pytest.raises(InputError, match="2 to 3 tokens: a stream is of one length"):
        schedule(activity, images=2)
    with pytest.raises(InputError, match="sentences"):
        break_even(price(activity, program.chip))


def test_conversions_that_text_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_text_encoder(write_folder(tmp_path))
    with pytest.raises(InputError, match="preset 'released'"):
        convert(encoder, sentences([3]), preset="released")
    with pytest.raises(CalibrationError, match="sentences"):
        convert(encoder, method="spikezip")
    with pytest.raises(InputError, match="'ecmt' takes no keep_activations"):
        convert(encoder, sentences([3]), keep_activations=True)
    with pytest.raises(InputError, match="carries no tokenizer"):
        convert(encoder, ["a sentence"])
    (tmp_path / "tokenizer.json").write_text("{}")
    broken = load_text_encoder(tmp_path).lowered
    monkeypatch.setattr(tokenizer, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'synaptile\[text\]'"):
        encode(["a sentence"], broken)
    monkeypatch.undo()
    pytest.importorskip("tokenizers", reason="a tokenizer is read by its package")
    with pytest.raises(FileFormatError, match="tokenizer cannot be read"):
        encode(["a sentence"], broken)
    for wrong, said in (("text", "a list"), ([], "a list"), (["fine", "  "], "sentence 1"), ([3], "sentence 0 is 3")):
        with pytest.raises(InputError, match=said):
            encode(wrong, broken)  # type: ignore[arg-type]


def test_files_of_sentences(tmp_path: Path) -> None:
    file = tmp_path / "sentences.txt"
    with pytest.raises(InputError, match="no such file"):
        read_sentences(file)
    file.write_text("# only a remark\n\n")
    with pytest.raises(InputError, match="holds no sentence"):
        read_sentences(file)
    file.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(InputError, match="UTF-8"):
        read_sentences(file)
    file.write_text("\ufeffOne.\n\n# remark\n  Two.  \n", encoding="utf-8")
    assert read_sentences(file) == ["One.", "Two."]
