"""Bad input on the command line: our message alone, exit code 2, no traceback, no output left behind."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from synaptile.data import preprocess_digits
from tests.synaptile.conftest import Command


def refused(outcome: object, *parts: str) -> None:
    code, out, err = outcome.code, outcome.out, outcome.err  # type: ignore[attr-defined]
    assert code == 2, out + err
    assert "Traceback" not in out + err
    flat = " ".join(err.split())
    for part in parts:
        assert part in flat, err


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("synapse_core: {lanes_per_cylce: {value: 8, assumed: test}}", ("lanes_per_cylce", "did you mean 'lanes_per_cycle'")),
        ("clock_mhz: {value: -500, assumed: test}", ("clock_mhz", "-500", "at least 1e-09")),
        ("mesh: {synapse_cores_per_tile: {value: 0, assumed: test}}", ("synapse_cores_per_tile", "is 0")),
        ("mesh: {width: {value: 0, assumed: test}}", ("mesh.width", "is 0")),
        ("clock_mhz: 500", ("clock_mhz", "without an origin")),
        ("clock_mhz: [", ("chip.yaml",)),
    ],
)
def test_a_chip_file_that_breaks_its_schema(
    synaptile: Command, digits_graph: Path, tmp_path: Path, change: Any, parts: list[str]
) -> None:
    chip = tmp_path / "chip.yaml"
    chip.write_text(f"name: mine\nextends: ecmt45\n{change}\n")
    target = tmp_path / "out.map"
    refused(synaptile("map", digits_graph, "--chip", chip, "-o", target), *parts)
    assert not target.exists()


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("synapse_core.weight_memory_bits", 32),
        ("synapse_core.state_memory_bits", 64),
        ("synapse_core.max_neurons", 0),
        ("synapse_core.max_axons", 0),
        ("ec_core.state_memory_bits", 4096),
        ("ec_core.max_neurons", 4),
        ("mesh", 1),
    ],
)
def test_a_chip_too_small_in_one_limit(synaptile: Command, digits_graph: Path, tmp_path: Path, figure: str, value: int) -> None:
    chip = tmp_path / "chip.yaml"
    if figure == "mesh":
        small, crossing = "{value: 1, assumed: test}", "chip_crossing_cycles: null, chip_crossing_pj_per_flit: null"
        change = f"mesh: {{width: {small}, height: {small}, max_chips: {small}}}\nnoc: {{{crossing}}}"
    else:
        section, _, key = figure.partition(".")
        bank = key.replace("memory_bits", "bank_bits")
        banks = f", {bank}: {{value: {value}, assumed: test}}" if bank != key else ""
        change = f"{section}: {{{key}: {{value: {value}, assumed: test}}{banks}}}"
    chip.write_text(f"name: mine\nextends: ecmt45\n{change}\n")
    target = tmp_path / "out.map"
    outcome = synaptile("map", digits_graph, "--chip", chip, "-o", target)
    refused(outcome, figure)
    assert not target.exists()
    if value > 0:
        assert "does not fit mine" in outcome.err


def test_a_missing_chip_offers_the_shipped_ones(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    refused(synaptile("map", digits_graph, "--chip", "ecmt54", "-o", tmp_path / "out.map"), "ecmt54", "ecmt45")


@pytest.mark.parametrize("cut", [7, 100, 0.5, -1])
def test_a_graph_file_cut_short(synaptile: Command, digits_graph: Path, tmp_path: Path, cut: Any) -> None:
    whole = digits_graph.read_bytes()
    short = tmp_path / "short.spk"
    short.write_bytes(whole[: int(cut * len(whole)) if isinstance(cut, float) else cut])
    refused(synaptile("map", short, "-o", tmp_path / "out.map"), "short.spk", "cut short")
    assert not (tmp_path / "out.map").exists()


def test_a_graph_file_of_a_newer_version(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.spk"
    raw = digits_graph.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"]["version"] = "99"
    text = json.dumps(header).encode()
    newer.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
    refused(synaptile("map", newer, "-o", tmp_path / "out.map"), "version 99", "upgrade")


def test_a_program_file_is_no_graph_file(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    refused(synaptile("map", digits_program, "-o", tmp_path / "out.map"), "needs synaptile-graph")


@pytest.mark.parametrize("steps", [0, -3])
def test_steps_that_are_none(synaptile: Command, digits_program: Path, tmp_path: Path, steps: int) -> None:
    refused(synaptile("run", digits_program, "--images", "digits", "--steps", steps, "-o", tmp_path / "out"), f"steps is {steps}")
    assert not (tmp_path / "out").exists()
    refused(synaptile("demo", "--steps", steps, "-o", tmp_path / "out"), f"steps is {steps}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (np.zeros((2, 3, 9, 9), np.float32), "(2, 3, 9, 9)"),
        (np.full((2, 3, 8, 8), np.nan, np.float32), "NaN"),
        (np.full((2, 3, 8, 8), 5e4, np.float32), "50000"),
        (np.zeros((2, 3, 8, 8), np.uint8), "uint8"),
        (np.zeros((0, 3, 8, 8), np.float32), "no image"),
    ],
)
def test_images_of_the_wrong_size_range_or_type(
    synaptile: Command, digits_program: Path, tmp_path: Path, images: Any, part: str
) -> None:
    np.savez(tmp_path / "images.npz", images=images)
    refused(synaptile("run", digits_program, "--images", tmp_path / "images.npz", "-o", tmp_path / "out"), part)
    assert not (tmp_path / "out").exists()


def test_images_that_are_not_there(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    refused(synaptile("run", digits_program, "--images", tmp_path / "none", "-o", tmp_path / "out"), "no such folder")
    (tmp_path / "empty").mkdir()
    refused(synaptile("run", digits_program, "--images", tmp_path / "empty", "-o", tmp_path / "out"), "no image in the folder")
    (tmp_path / "empty" / "a.png").write_bytes(b"\x89PNG and then nothing")
    refused(synaptile("run", digits_program, "--images", tmp_path / "empty", "-o", tmp_path / "out"), "not a readable image")


def test_an_array_file_that_holds_objects_is_never_unpickled(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=np.array([{"an": "object"}], object))
    refused(synaptile("run", digits_program, "--images", tmp_path / "images.npz", "-o", tmp_path / "out"), "images.npz")


def test_a_run_is_not_written_over_a_file(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    refused(synaptile("run", digits_program, "--images", "digits", "-o", tmp_path / "out"), "is a file")
    assert (tmp_path / "out").read_text() == "mine"


def test_unknown_number_formats(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    refused(synaptile("run", digits_program, "--images", "digits", "--numeric", "fp8", "-o", tmp_path / "out"), "fp8", "int8")


def test_suffixes_keep_kinds_of_files_apart(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    refused(synaptile("map", digits_graph, "-o", tmp_path / "out.spk"), ".map")
    refused(synaptile("convert", "digits", "-o", tmp_path / "out.map"), ".spk")


@pytest.mark.slow
def amid_content(file: Path) -> int:
    """A byte of what a file holds: headers of an archive have times and the like, which nothing rests on."""
    if not zipfile.is_zipfile(file):
        return file.stat().st_size // 3
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda member: member.compress_size)
    begin = largest.header_offset + 30
    name_and_extra = file.read_bytes()[begin - 4 : begin]
    lengths = (int.from_bytes(name_and_extra[at : at + 2], "little") for at in (0, 2))
    return begin + sum(lengths) + largest.compress_size // 2


def test_runs_that_are_missing_cut_short_or_altered(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    refused(synaptile("report", tmp_path / "none"), "no such run")
    out = tmp_path / "out"
    assert synaptile("run", digits_program, "--images", "digits", "--limit", 2, "-T", 1, "-o", out).code == 0
    for name in ("activity.npz", "inputs.npz", "program.map"):
        whole, content = (out / name).read_bytes(), amid_content(out / name)
        (out / name).write_bytes(whole[: len(whole) // 2])
        refused(synaptile("report", out), name)
        altered = bytearray(whole)
        altered[content] ^= 1
        (out / name).write_bytes(altered)
        refused(synaptile("report", out), name)
        (out / name).write_bytes(whole)
    assert synaptile("report", out).code == 0


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    timm = pytest.importorskip("timm", reason="timm is not installed (extra `convert`)")
    from safetensors.torch import save_file as save_torch

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_torch(timm.create_model("vit_tiny_patch16_224", depth=1).state_dict(), path)
    return path


class TestConvert:
    """Conversions on the command line; they need torch and timm."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="torch is not installed (extra `convert`)")
        pytest.importorskip("timm", reason="timm is not installed (extra `convert`)")

    def command(self, checkpoint: Path, target: Path) -> list[object]:
        folder = target.parent / "images"
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (224, 224)).save(folder / "black.png")
        return ["convert", "vit_tiny_patch16_224", "--depth", 1, "--weights", checkpoint, "--calibration", folder, "-o", target]

    def test_weights_that_are_not_finite(self, synaptile: Command, checkpoint: Path, tmp_path: Path) -> None:
        state = load_file(checkpoint)
        state["blocks.0.mlp.fc1.weight"][3, 4] = np.nan
        save_file(state, tmp_path / "nan.safetensors")
        refused(synaptile(*self.command(tmp_path / "nan.safetensors", tmp_path / "o.spk")), "blocks.0.mlp.fc1.weight", "NaN")
        assert not (tmp_path / "o.spk").exists()

    def test_weights_of_the_wrong_shape(self, synaptile: Command, checkpoint: Path, tmp_path: Path) -> None:
        state = load_file(checkpoint)
        state["head.weight"] = state["head.weight"][:10]
        save_file(state, tmp_path / "shape.safetensors")
        refused(
            synaptile(*self.command(tmp_path / "shape.safetensors", tmp_path / "o.spk")), "head.weight (10, 192)", "(1000, 192)"
        )

    def test_pickled_weights(self, synaptile: Command, tmp_path: Path) -> None:
        (tmp_path / "weights.pth").write_bytes(pickle.dumps({"a": Path}, protocol=2))
        refused(synaptile(*self.command(tmp_path / "weights.pth", tmp_path / "o.spk")), "never loaded", "safetensors")

    def test_missing_and_truncated_weights(self, synaptile: Command, checkpoint: Path, tmp_path: Path) -> None:
        refused(synaptile(*self.command(tmp_path / "none.safetensors", tmp_path / "o.spk")), "no such weights file")
        (tmp_path / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:1000])
        refused(synaptile(*self.command(tmp_path / "cut.safetensors", tmp_path / "o.spk")), "not a readable safetensors file")

    def test_no_calibration_is_said_before_the_model_is_built(
        self, synaptile: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("synaptile.conversion.weights.load_timm", lambda *_, **__: pytest.fail("built"))
        given = ["convert", "vit_tiny_patch16_224", "--random-weights", 0, "-o", tmp_path / "o.spk"]
        refused(synaptile(*given), "no calibration images for vit_tiny_patch16_224", "--calibration")
        refused(synaptile(*given, "--calibration", tmp_path / "none"), "no such folder")
        refused(synaptile(*given, "--calibration", tmp_path), "no image in the folder")

    def test_an_unknown_model(self, synaptile: Command, tmp_path: Path) -> None:
        refused(
            synaptile("convert", "vit_tiny_patch61_224", "-o", tmp_path / "o.spk"), "vit_tiny_patch61_224", "vit_tiny_patch16_224"
        )

    def test_the_embedded_model_takes_no_weights(self, synaptile: Command, checkpoint: Path, tmp_path: Path) -> None:
        refused(synaptile("convert", "digits", "--weights", checkpoint, "-o", tmp_path / "o.spk"), "--weights")


@pytest.mark.slow
def test_preprocessed_digits_are_accepted_as_an_array_file(synaptile: Command, digits_program: Path, tmp_path: Path) -> None:
    from synaptile.data import embedded_digits

    digits = embedded_digits("test")
    np.savez(tmp_path / "images.npz", images=preprocess_digits(digits.images[:3]), labels=digits.labels[:3].astype(np.int64))
    outcome = synaptile("run", digits_program, "--images", tmp_path / "images.npz", "-T", 1, "-o", tmp_path / "out")
    assert outcome.code == 0 and "Acc. (%)" in outcome.out
