"""Does `synaptile convert MODULE:FACTORY` read a spiking model as Python does, and refuse what is unsafe or does not fit?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from synaptile.conversion.graph import load_graph
from synaptile.conversion.torch_snn import from_torch_snn
from synaptile.data import DIGITS_SPIKFORMER
from tests.synaptile.conftest import Command, synaptile
from tests.trained.models import STEPS, transformer

__all__ = ["synaptile"]  # a fixture

SHAPE = (1, 3, 16, 16)
FACTORIES = """
from examples.spiking_transformers import Spikformer
from tests.trained.models import transformer

def qkformer():
    return transformer("qkformer").train()

def of_size(channels):
    return transformer("qkformer")

def spikformer():
    return Spikformer(depth=1, channels=32, heads=2)

def number():
    return 3

size = 16
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module of factories, and weights that fit."""
    folder = tmp_path_factory.mktemp("factories")
    (folder / "my_factories.py").write_text(FACTORIES)
    model = transformer("qkformer")
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    save_file(model.state_dict(), folder / "good.safetensors")
    torch.save(model.state_dict(), folder / "good.pt")
    torch.save(model, folder / "pickled.pt")
    save_file({"other": torch.zeros(3)}, folder / "other.safetensors")
    return folder


@pytest.fixture
def factories(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the working directory, without a graph of another test."""
    (folder / "net.spk").unlink(missing_ok=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("weights", ["good.safetensors", "good.pt"])
def test_a_factory_and_its_weights_make_the_graph_of_the_model(synaptile: Command, factories: Path, weights: str) -> None:
    shape = ",".join(map(str, SHAPE))
    done = synaptile(
        "convert", "my_factories:qkformer", "--weights", weights, "-T", STEPS, "--input-shape", shape, "-o", "net.spk"
    )
    assert done.code == 0, done.err
    model = transformer("qkformer")
    model.load_state_dict(torch.load(factories / "good.pt"))
    found, expected = load_graph(factories / "net.spk"), from_torch_snn(model.eval(), SHAPE, STEPS)
    assert found.digest == expected.digest
    assert found.digest != from_torch_snn(transformer("qkformer"), SHAPE, STEPS).digest


def test_random_weights_follow_their_seed(synaptile: Command, factories: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        arguments = ("--random-weights", seed, "-T", 4, "--input-shape", "1,3,16,16", "-o", f"{name}.spk")
        done = synaptile("convert", "my_factories:spikformer", *arguments)
        assert done.code == 0, done.err
    a, b, c = (load_graph(factories / f"{name}.spk").digest for name in "abc")
    assert a == b != c


def test_the_embedded_spikformer_by_name(synaptile: Command, tmp_path: Path) -> None:
    done = synaptile("convert", "digits_spikformer", "-o", tmp_path / "net.spk")
    assert done.code == 0 and "4 steps" in done.out
    assert load_graph(tmp_path / "net.spk").digest == load_graph(DIGITS_SPIKFORMER).digest


GOOD: dict[str, Any] = {"--weights": "good.safetensors", "--steps": STEPS, "--input-shape": "1,3,16,16"}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("my_factories:qkformer", {"--weights": "pickled.pt"}, "pickled objects are never loaded"),
    ("my_factories:qkformer", {"--weights": "other.safetensors"}, "do not match"),
    ("my_factories:qkformer", {"--weights": "none.safetensors"}, "no such weights file"),
    ("my_factories:qkformer", {"--weights": None}, "one of the two"),
    ("my_factories:qkformer", {"--random-weights": 0}, "one of the two"),
    ("my_factories:qkformer", {"--steps": None}, "needs --steps and --input-shape"),
    ("my_factories:qkformer", {"--input-shape": "3x16x16"}, "whole numbers with commas"),
    ("my_factories:qkformer", {"--input-shape": "2,3,16,16"}, "one sample"),
    ("my_factories:qkformer", {"--method": "spikezip"}, "takes no --method"),
    ("my_factories:qkformer", {"--calibration": "."}, "takes no --calibration"),
    ("my_factories:of_size", {}, "called without arguments"),
    ("my_factories:number", {}, "makes a int"),
    ("my_factories:size", {}, "no function or class 'size'"),
    ("my_factories:", {}, "no function or class ''"),
    ("no_such_module:qkformer", {}, "'no_such_module' cannot be imported"),
    ("digits_spikformer", {"--input-shape": None, "--steps": None}, "takes no --weights"),
    ("digits", {"--weights": None, "--input-shape": None}, "takes no --steps"),
]


@pytest.mark.parametrize(("model", "changes", "said"), REFUSED, ids=[f"{model}{changes}" for model, changes, _ in REFUSED])
def test_what_does_not_fit_is_refused(
    synaptile: Command,
    factories: Path,
    model: str,
    changes: dict[str, Any],
    said: str,
) -> None:
    options = {name: value for name, value in (GOOD | changes).items() if value is not None}
    done = synaptile("convert", model, *(part for option in options.items() for part in option), "-o", "net.spk")
    assert done.code == 2 and said in " ".join(done.err.split()), done.err
    assert not (factories / "net.spk").exists()


def test_the_embedded_spikformer_runs_in_its_own_steps_beside_other_methods(synaptile: Command, tmp_path: Path) -> None:
    graph, program = tmp_path / "net.spk", tmp_path / "net.map"
    for arguments in (
        ("convert", "digits_spikformer", "-o", graph),
        ("map", graph, "--chip", "ecmt45", "-o", program),
        ("run", program, "--images", "digits", "--limit", 4, "-o", tmp_path / "run"),
    ):
        done = synaptile(*arguments)
        assert done.code == 0, done.err
    shown = synaptile("methods", tmp_path / "run", "--agreement", 0.99)
    lines = {line.split()[0]: line.split()[1:] for line in shown.out.splitlines() if line.split()}
    assert lines["steps"] in (["4"], ["trained"]) and lines["agrees"] == ["-"] and lines["right"] == ["100.0", "%"]
    assert lines["4"][:3] == ["100.0", "%", "at"]
