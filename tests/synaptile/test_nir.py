"""NIR files and spike trains on the command line."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from tests.nir.networks import convolutional, trains
from tests.simulator.runs import needs_compiler
from tests.synaptile.conftest import Command


@pytest.mark.slow
@needs_compiler
def test_a_nir_file_is_converted_mapped_run_and_scheduled(tmp_path: Path, synaptile: Command) -> None:
    network = convolutional()
    nir.write(tmp_path / "net.nir", network)
    spikes, out = tmp_path / "spikes.npz", tmp_path / "out"
    np.savez(spikes, spikes=trains(network, 4, 3).astype(np.float32), labels=np.array([0, 1, 2]))
    graph, program = tmp_path / "net.spk", tmp_path / "net.map"
    converted = synaptile("convert", tmp_path / "net.nir", "-o", graph)
    assert converted.code == 0 and "net from NIR, 7 nodes, 3 sites" in " ".join(converted.out.split())
    assert synaptile("map", graph, "--chip", "loihi", "-o", program).code == 0
    ran = synaptile("run", program, "--images", spikes, "--steps", 4, "--limit", 2, "-o", out)
    assert ran.code == 0 and "2 images, 4 steps" in " ".join(ran.out.split())
    assert synaptile("schedule", out).code == 0 and (out / "schedule.json").is_file()
    assert synaptile("trace", out, "--format", "parquet").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--steps", 5), "4 steps of spikes, the run has 5"),
        (("--crop", 0.9), "--crop is for pictures"),
        (("--images", "folder"), "takes spike trains, needs an .npz file"),
        (("--images", "images.npz"), "needs an .npz file with an array 'spikes'"),
    ],
)
def test_spikes_that_make_no_sense_are_refused(
    options: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synaptile: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    network = convolutional()
    nir.write("net.nir", network)
    np.savez("spikes.npz", spikes=trains(network, 4, 3).astype(np.float32))
    np.savez("images.npz", images=np.zeros((1, 3, 4, 4), np.float32))
    Path("folder").mkdir()
    assert synaptile("convert", "net.nir", "-o", "net.spk").code == 0
    assert synaptile("map", "net.spk", "--chip", "loihi", "-o", "net.map").code == 0
    refused = synaptile("run", "net.map", "--images", "spikes.npz", "-o", "out", "--steps", 4, *options)
    assert refused.code == 2 and message in " ".join(refused.err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.nir", "--levels", 4), "takes no --levels"),
        (("net.nir", "--dt", 0), "dt is 0.0"),
        (("net.nir", "--reset", "zero"), "'zero' is not one of"),
        (("other.nir",), "no such file"),
        (("digits", "--dt", 1), "are for NIR files"),
    ],
)
def test_conversions_that_make_no_sense_are_refused(
    arguments: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synaptile: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    nir.write("net.nir", convolutional())
    refused = synaptile("convert", *arguments, "-o", "net.spk")
    assert refused.code == 2 and message in " ".join(refused.err.split())
    assert not Path("net.spk").exists()
