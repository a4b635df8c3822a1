"""Do the commands take a text encoder from its folder to a report, and refuse what does not fit?"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import synaptile as st
from synaptile.cli import app
from synaptile.conversion.graph import ECUnit
from synaptile.foundation.errors import GraphError, InputError
from synaptile.studies.rundir import load_run
from tests.text.small_encoders import config_of, weights_of, write_folder

tokenizers = pytest.importorskip("tokenizers", reason="sentences are encoded by the package tokenizers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "sat", "on", "mat", "dog", "ran", "home", "fast", "slow"]
SENTENCES = ("a cat sat on a mat", "a dog ran", "home", "a dog ran home", "on a mat a cat sat")
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tokenizer that would cut and pad, were it let."""
    root = write_folder(tmp_path_factory.mktemp("tiny"))
    model = tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    specials = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(root / "tokenizer.json"))
    (root / "sentences.txt").write_text("\n".join(SENTENCES))
    return root


@pytest.fixture(scope="module")
def mapped(folder: Path) -> Path:
    for arguments in (
        ("convert", str(folder), "--sentences", str(folder / "sentences.txt"), "--tokens", "8", "-o", str(folder / "m.spk")),
        ("map", str(folder / "m.spk"), "--chip", "ecmt45-mini", "-o", str(folder / "m.map")),
    ):
        result = RUNNER.invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return folder / "m.map"


def call(*arguments: str | Path) -> str:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_a_folder_of_a_model_ends_in_a_report(folder: Path, mapped: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    printed = call("run", mapped, "--sentences", folder / "sentences.txt", "-T", "3", "--keep-spikes", "5", "-o", out)
    assert "Embeddings of 5 sentences, cosine" in printed and "Sentences of 3 to 8 tokens" in printed
    run = load_run(out)
    assert run.files == SENTENCES
    assert run.activity.lengths is not None and run.activity.lengths.tolist() == [8, 5, 3, 6, 8]
    assert not (out / "break_even.png").exists()
    call("schedule", out)
    call("report", out, "--html", tmp_path / "page.html")
    for form in ("perfetto", "vcd", "parquet"):
        call("trace", out, "--format", form)
    assert (tmp_path / "page.html").stat().st_size > 100_000


def test_heads_that_are_left_out_are_listed(folder: Path, tmp_path: Path) -> None:
    names = ("bias", "transform.dense.weight", "transform.dense.bias", "decoder.weight", "decoder.bias", "seq.weight", "seq.bias")
    heads = {f"cls.{name}": np.zeros(3, np.float32) for name in names}
    write_folder(tmp_path, weights=weights_of(config_of(), dtype=np.float32) | heads)
    shutil.copy(folder / "tokenizer.json", tmp_path)
    graph = tmp_path / "m.spk"
    printed = " ".join(call("convert", tmp_path, "--sentences", folder / "sentences.txt", "-o", graph).split())
    assert "left out, no part of the encoder: cls.bias, cls.decoder.bias, cls.decoder.weight, cls.seq.bias" in printed
    assert "and 2 more" in printed
    assert st.load_graph(graph).metadata["left_out"] == sorted(heads)


@pytest.mark.parametrize("kept", [(), ("--keep-activations",)])
def test_spikezip_from_the_command_line(folder: Path, tmp_path: Path, kept: tuple[str, ...]) -> None:
    graph = tmp_path / "z.spk"
    call("convert", folder, "--sentences", folder / "sentences.txt", "--method", "spikezip", "--levels", "16", *kept, "-o", graph)
    loaded = st.load_graph(graph)
    assert loaded.metadata.get("activations") == ("kept" if kept else None)
    assert (
        any(unit.function == "gelu" for unit in loaded.of_type(ECUnit))
        if kept
        else ("layer.0.intermediate.act" not in loaded.nodes)
    )


def test_what_the_tokenizer_would_cut_is_not_cut(mapped: Path) -> None:
    graph = st.load_program(mapped).graph
    tokens = st.encode(["a cat sat on a mat", "a bird"], graph)
    assert tokens.ids.tolist() == [[2, 4, 5, 6, 7, 4, 8, 3], [2, 4, 1, 3, 0, 0, 0, 0]]
    assert tokens.mask.sum(axis=1).tolist() == [8, 4]
    with pytest.raises(InputError, match="sentence 1 has 9 tokens, the graph was made for up to 8"):
        st.encode(["a", "a cat sat on a mat fast"], graph)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --images, or for a text encoder --sentences"),
        (("--images", "digits", "--sentences", "FILE"), "one of the two"),
        (("--images", "digits"), "takes text"),
        (("--sentences", "FILE", "--crop", "0.9"), "--crop is for pictures"),
        (("--sentences", "nowhere.txt"), "no such file of sentences"),
        (("--sentences", "FILE", "--limit", "0"), "--limit is 0"),
    ],
)
def test_a_run_that_is_asked_for_wrongly(
    folder: Path, mapped: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    given = [str(folder / "sentences.txt") if a == "FILE" else a for a in arguments]
    with pytest.raises((InputError, GraphError), match=said):
        RUNNER.invoke(app, ["run", str(mapped), *given, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("digits", "--tokens", "8"), "with a config.json; digits is none"),
        (("FOLDER", "--image-size", "8"), "no --image-size"),
        (("FOLDER", "--sentences", "FILE", "--keep-activations"), "'ecmt' takes no keep_activations"),
        (("FOLDER", "--sentences", "FILE", "--preset", "released"), "preset 'released'"),
        (("FOLDER",), "no calibration"),
        (("FOLDER", "--sentences", "FILE", "--tokens", "4"), "has 8 tokens, the graph was made for up to 4"),
    ],
)
def test_a_conversion_that_is_asked_for_wrongly(folder: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    names = {"FOLDER": str(folder), "FILE": str(folder / "sentences.txt")}
    given = [names.get(a, a) for a in arguments]
    with pytest.raises(InputError, match=said):
        RUNNER.invoke(app, ["convert", *given, "-o", str(tmp_path / "x.spk")], catch_exceptions=False)
    assert not (tmp_path / "x.spk").exists()


def test_the_front_door_in_python(folder: Path) -> None:
    encoder = st.load_text_encoder(folder, tokens=8)
    graph = st.convert(encoder, folder / "sentences.txt")
    assert graph.digest == st.convert(encoder, list(SENTENCES)).digest == st.convert(encoder, st.encode(SENTENCES, graph)).digest
    program = st.map_graph(graph, st.load_chip("ecmt45-mini"))
    activity = st.execute(program, st.encode(SENTENCES, graph), steps=2)
    assert activity.logits.shape == (2, 5, 8)
    assert st.price(activity, program.chip).ratio("released", step=1) > 0
