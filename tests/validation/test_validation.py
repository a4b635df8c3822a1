"""Does what silicon measured come out of the simulator, and does the error stay as small as it is?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.integer import from_integer
from synaptile.data import DATA_DIR
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_partition
from synaptile.report.study_files import write_validation
from synaptile.report.views.validation import validation_document
from synaptile.simulator.barrier import Wiring, wiring_of
from synaptile.simulator.barrier.measure import time_steps
from synaptile.studies.validation import Prediction, Validation, mnist_on_loihi, validate

SITES = ("input.current", "conv1", "conv2", "conv3")


def windows(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    seen = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    return seen.transpose(0, 2, 3, 1, 4, 5).reshape(len(x), *seen.shape[2:4], -1)


def twin(images: np.ndarray, steps: int) -> tuple[list[np.ndarray], np.ndarray]:
    """The network in NumPy, layer by dense layer: spikes of each site, (images, steps, neurons); membranes of the last layer."""
    layers, n = mnist_on_loihi().network.layers, len(images)
    shapes = [(1, 28, 28), (16, 12, 12), (32, 10, 10), (64, 4, 4), (10, 1, 1)]
    membranes = [np.zeros((n, *shape), np.float32) for shape in shapes]  # whole numbers below 2**24
    sent = [np.zeros_like(one) for one in membranes[:-1]]
    fired = [np.zeros((n, steps, int(np.prod(shape))), np.uint8) for shape in shapes[:-1]]
    for step in range(steps):
        before, sent = sent, []
        for at, v in enumerate(membranes):
            x = images[:, None].astype(np.float32)
            if at:
                one = layers[at - 1]
                weight, bias = one.weight.reshape(len(one.weight), -1).astype(np.float32), np.asarray(one.bias, np.float32)
                x = (windows(before[at - 1], one.weight.shape[2], one.stride) @ weight.T + bias).transpose(0, 3, 1, 2)
            if at == 4:
                v[:] = np.trunc(v * (4096 - 256) / 4096) + x
                continue
            v += x
            spikes = v > 512
            v[spikes] = 0
            sent.append(spikes.astype(np.float32))
            fired[at][:, step] = spikes.reshape(n, -1)
    return fired, membranes[-1].reshape(n, 10)


@pytest.mark.slow
def test_two_images_are_those_of_the_twin_to_the_last_spike_operation_and_picosecond() -> None:
    found, (fired, membranes) = validate(2), twin(mnist_on_loihi().images[:2], 511)
    assert [image for image, _ in found.wrong] == np.flatnonzero(membranes.argmax(axis=1) != mnist_on_loihi().labels[:2]).tolist()
    assert np.allclose(found.spikes, [spikes.sum() / (2 * 511) for spikes in fired], rtol=1e-12)
    for prediction in found.predictions:
        steps, synops = timed(prediction.chip, fired)
        assert np.allclose(prediction.image_us, steps.mean(axis=1) / 1e6, rtol=1e-12)
        assert np.isclose(found.synops.sum(), synops.mean(), rtol=1e-12)
    assert found.rms_us(found.predictions[0]) < 3  # per image, as of all 128 below


def test_bad_numbers_of_images_are_refused() -> None:
    with pytest.raises(InputError, match="images is 129, 128 were measured: give 1 to 128"):
        validate(129)


def wiring(chip: str) -> tuple[Wiring, list[Int64]]:
    graph = from_integer(mnist_on_loihi().network)
    program = map_partition(graph, load_chip(chip), DATA_DIR / "mnist_loihi_partition.yaml")
    return wiring_of(program), [program.graph.nodes[name].places for name in SITES]  # type: ignore[attr-defined]


def timed(chip: str, fired: list[np.ndarray]) -> tuple[Int64, Int64]:
    """Time and synaptic operations of every step, (images, steps), from spikes in the usual order."""
    wires, places = wiring(chip)
    times, synops = [], []
    for image in range(len(fired[0])):
        parts = [spikes[image][:, places] for spikes, places in zip(fired, places, strict=True)]
        rows = np.concatenate([*parts, np.zeros_like(parts[0][:, :1])], axis=1)  # the last row never fires
        times.append(time_steps(wires, rows).max(axis=1) + wires.barrier_ps)
        synops.append(rows @ wires.synops)
    return np.array(times), np.array(synops)


@pytest.mark.slow
def test_all_images_are_within_five_percent_and_three_microseconds_of_the_chip() -> None:
    """The spikes are the twin's: the event-driven run of all 128 images is `synaptile validate`."""
    silicon = mnist_on_loihi()
    chunks = [twin(silicon.images[at : at + 16], 511) for at in range(0, 128, 16)]
    fired = [np.concatenate([chunk[0][site] for chunk in chunks]) for site in range(4)]
    answers = np.concatenate([chunk[1] for chunk in chunks]).argmax(axis=1)
    assert [(int(i), int(answers[i])) for i in np.flatnonzero(answers != silicon.labels)] == [(8, 6), (78, 4)]
    assert [round(float(spikes.mean(axis=(0, 1)).sum()), 1) for spikes in fired] == [34.5, 145.7, 194.0, 68.0]
    errors, rms = {}, {}
    for chip in ("loihi-calibrated", "loihi"):
        steps, synops = timed(chip, fired)
        assert round(float(synops.mean()), 1) == 55483.5
        image_us = steps.mean(axis=1) / 1e6
        errors[chip] = image_us.mean() / silicon.measured["spiking_us_per_step"] - 1
        rms[chip] = float(np.sqrt(np.mean((image_us[:8] - silicon.measured["first_8_images_us_per_step"]) ** 2)))
    assert abs(errors["loihi-calibrated"]) < 0.05 and rms["loihi-calibrated"] < 3
    assert -0.34 < errors["loihi"] < -0.30  # Davies' minima are a lower bound


def made(images: int) -> Validation:
    rng = np.random.default_rng(0)
    silicon = mnist_on_loihi()
    measured = silicon.measured
    ordered = np.array(measured["sorted_128_images_us_per_step"])
    predictions = tuple(
        Prediction(name, 60.0, rng.permutation(ordered * factor)[:images], 1.4)
        for name, factor in (("loihi-calibrated", 1.03), ("loihi", 0.65))
    )
    first = np.array(measured["first_8_images_us_per_step"])
    return Validation(
        "MNIST on Loihi", "x", images, 511, 128, 57.364, 3.444, first, ordered, ((8, 6),), ((8, 6),), ("input",), np.ones(1),
        ("conv1",), np.ones(1), predictions,
    )  # fmt: skip


def test_tables_and_figure_show_errors_where_all_images_were_run(tmp_path: Path) -> None:
    whole, part = made(128), made(3)
    rows = validation_document(whole).sheets[0].rows
    assert rows[1][:3] == ("loihi-calibrated", "60.000", "+4.6 %")
    assert validation_document(part).sheets[0].rows[1][2] == ""
    assert part.sorted_rms_us(part.predictions[0]) is None
    ordered = np.sort(whole.predictions[0].image_us) - whole.sorted_us
    assert np.isclose(whole.sorted_rms_us(whole.predictions[0]) or 0, np.sqrt(np.mean(ordered**2)))
    for number, found in enumerate((whole, part)):
        (tmp_path / str(number)).mkdir()
        assert all(path.stat().st_size > 500 for path in write_validation(found, tmp_path / str(number)))
