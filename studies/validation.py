"""validate: what was measured on silicon beside what is predicted for it, image by image. No figure is fitted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer
from synaptile.data import DATA_DIR
from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Shown
from synaptile.foundation.types import Int64, Progress
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_partition
from synaptile.simulator import execute
from synaptile.simulator.barrier import step_timing

BATCH = 16
"""Images that are kept in memory at once; it changes no figure."""
EDITIONS = ("loihi-calibrated", "loihi")
"""Chips whose unit times are tried, the one to be believed first."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Mean time of a step by one chip file: of all images, and of each, (images,); tiles in use and the barrier's part, us."""

    chip: str
    step_us: float
    image_us: NDArray[np.float64]
    barrier_us: float


@dataclass(frozen=True, repr=False, eq=False)
class Validation(Shown):
    """One measured network. Times are means per step, us, without input and output.

    `step_us` was measured over `measured_images`, `first_us` for the first images (read off a picture), `sorted_us` for all of
    them in rising order. `wrong` lists (image, class given) of the run, `wrong_measured` of the chip; `spikes` and `synops`
    (layers,) are per step and image.
    """

    name: str
    source: str
    images: int
    steps: int
    measured_images: int
    step_us: float
    management_us: float
    first_us: NDArray[np.float64]
    sorted_us: NDArray[np.float64]
    wrong: tuple[tuple[int, int], ...]
    wrong_measured: tuple[tuple[int, int], ...]
    sites: tuple[str, ...]
    spikes: NDArray[np.float64]
    layers: tuple[str, ...]
    synops: NDArray[np.float64]
    predictions: tuple[Prediction, ...]

    @property
    def whole(self) -> bool:
        """Whether all images of the measurement were run, so that means can be compared."""
        return self.images == self.measured_images

    def error(self, prediction: Prediction) -> float | None:
        """Predicted over measured time of a step, less 1; None unless all images were run."""
        return prediction.step_us / self.step_us - 1 if self.whole else None

    def rms_us(self, prediction: Prediction) -> float:
        """Root of the mean squared error of the images that were measured one by one."""
        count = min(self.first_us.size, self.images)
        return float(np.sqrt(np.mean((prediction.image_us[:count] - self.first_us[:count]) ** 2)))

    def sorted_rms_us(self, prediction: Prediction) -> float | None:
        """The same of all images, both in rising order, as their numbers are not known; None unless all were run."""
        if not self.whole:
            return None
        return float(np.sqrt(np.mean((np.sort(prediction.image_us) - self.sorted_us) ** 2)))


@dataclass(frozen=True)
class _Silicon:
    """The shipped network, its images and what was measured."""

    network: IntegerNetwork
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    measured: dict[str, Any]
    source: str


def validate(images: int | None = None, progress: Progress | None = None) -> Validation:
    """Run Intel's MNIST network as it lay on Loihi, and time it with each edition of the chip.

    Args:
        images: leading images of the 128; None is all of them.
        progress: called with (images done, images in all).

    Raises:
        InputError: `images` is out of range.
    """
    silicon = mnist_on_loihi()
    most = len(silicon.images)
    count = most if images is None else images
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise InputError(f"images is {images!r}, {most} were measured: give 1 to {most}")
    steps = int(silicon.measured["effective_steps"])
    chips = [load_chip(name) for name in EDITIONS]
    program = map_partition(from_integer(silicon.network), chips[0], DATA_DIR / "mnist_loihi_partition.yaml")
    found: list[list[Any]] = []
    answers: list[int] = []
    spikes: list[Int64] = []
    synops: list[Int64] = []
    for start in range(0, count, BATCH):
        currents = silicon.images[start : min(start + BATCH, count), None]
        activity = execute(program, currents, steps, keep_spikes=len(currents))
        found.append([step_timing(activity, chip) for chip in chips])
        answers += activity.logits[-1].argmax(axis=1).tolist()
        spikes.append(np.array([record.events.sum() for record in activity.spikes.values()]))
        synops.append(activity.accounting.eq30.sum(axis=(1, 2)))
        if progress is not None:
            progress(start + len(currents), count)
    measured = silicon.measured
    return Validation(
        name="MNIST on Loihi",
        source=silicon.source,
        images=count,
        steps=steps,
        measured_images=most,
        step_us=measured["spiking_us_per_step"],
        management_us=measured["management_us_per_step"],
        first_us=np.array(measured["first_8_images_us_per_step"]),
        sorted_us=np.array(measured["sorted_128_images_us_per_step"]),
        wrong=tuple((at, given) for at, given in enumerate(answers) if given != silicon.labels[at]),
        wrong_measured=tuple((at, given) for at, given, _ in measured["wrong"] if at < count),
        sites=tuple(activity.spikes),
        spikes=np.sum(spikes, axis=0) / (count * steps),
        layers=activity.accounting.nodes,
        synops=np.sum(synops, axis=0) / (count * steps),
        predictions=tuple(_prediction([batch[at] for batch in found]) for at in range(len(chips))),
    )


def mnist_on_loihi() -> _Silicon:
    """The shipped network, with its images and what was measured (synaptile/data/README.md)."""
    about = json.loads((DATA_DIR / "mnist_loihi.json").read_text(encoding="utf-8"))
    with np.load(DATA_DIR / "mnist_loihi.npz", allow_pickle=False) as stored:
        data = dict(stored)
    layers = [
        IntegerLayer(
            f"conv{i}",
            data[f"w{i}"].transpose(3, 2, 0, 1),
            data[f"b{i}"],
            512 if i < 4 else None,
            int(data["stride"][i - 1]),
            decay=256 if i == 4 else 0,
        )
        for i in range(1, 5)
    ]
    source = f"{about['source']['repository']}, {about['source']['notebook']}"
    network = IntegerNetwork("mnist", (1, 28, 28), layers, 512, source=source)
    return _Silicon(network, data["images"], data["labels"], about["measured"], source)


def _prediction(timings: list[Any]) -> Prediction:
    each = np.concatenate([timing.image_us for timing in timings])
    return Prediction(timings[0].chip.name, float(each.mean()), each, timings[0].barrier_ps / 1e6)
