"""step_timing: a recorded run on a barrier chip, step by step, in picoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64, Progress
from synaptile.hwmodels import Chip, as_chip
from synaptile.simulator.activity import Activity
from synaptile.simulator.barrier.kernel import room_of, run_steps
from synaptile.simulator.barrier.wiring import Wiring, wiring_of


@dataclass(frozen=True, eq=False)
class StepTiming:
    """Time of every step of a run: its slowest core, then the barrier. Input and output of images are not in it.

    `core_ps` (images, steps, cores): when each core was last at work, from the start of the step. `synops` and `messages`
    (images, steps) are what was received in it, `unread` (images,) the synops of spikes that would be read after the last step.
    `steps` of an image are those of the run and `lag` more, as spikes sent in a step are received for the next one.
    """

    chip: Chip
    core_ps: Int64
    synops: Int64
    messages: Int64
    unread: Int64
    barrier_ps: int
    tiles: int
    lag: int

    @property
    def step_ps(self) -> Int64:
        """Time of each step, (images, steps)."""
        return np.asarray(self.core_ps.max(axis=2) + self.barrier_ps, np.int64)

    @cached_property
    def image_us(self) -> NDArray[np.float64]:
        """Mean time of a step of each image, (images,)."""
        return np.asarray(self.step_ps.mean(axis=1) / 1e6)

    @property
    def step_us(self) -> float:
        """Mean time of a step."""
        return float(self.image_us.mean())

    @property
    def latency_us(self) -> NDArray[np.float64]:
        """Time of each image, (images,)."""
        return np.asarray(self.step_ps.sum(axis=1) / 1e6)

    @property
    def slowest_share(self) -> NDArray[np.float64]:
        """Share of steps in which each core was the slowest (the first of several), (cores,)."""
        slowest = self.core_ps.argmax(axis=2).ravel()
        return np.asarray(np.bincount(slowest, minlength=self.core_ps.shape[2]) / slowest.size)


def step_timing(
    activity: Activity, chip: Chip | str | Path | None = None, *, images: int | None = None, progress: Progress | None = None
) -> StepTiming:
    """Time a run on a barrier chip that has `step_times`; docs/decisions/0022-barrier-time.md says what is modelled.

    Args:
        activity: from `execute` with `keep_spikes`.
        chip: whose times; None is the chip of the run, another one must be mapped alike.
        images: leading images; None takes all whose spikes were kept.
        progress: called with (images done, images in all).

    Raises:
        ChipError, InputError: as `wiring_of`; or `images` is out of range.
        ConservationError: synaptic operations differ from those executed.
    """
    expect(activity, Activity, "activity", "give what execute or load_activity returns")
    chip = activity.program.chip if chip is None else as_chip(chip)
    wiring = wiring_of(activity.program, chip)
    kept = min((0 if s.masks is None else s.masks.shape[1] for s in activity.spikes.values()), default=0)
    count = kept if images is None else images
    if not 1 <= count <= kept:
        raise InputError(
            f"images is {images}, the run kept the spikes of {kept}: run again with keep_spikes of the images to time"
        )
    ends, synops, messages, unread = [], [], [], []
    for image in range(count):
        fires = fired(activity, wiring, image)
        ends.append(time_steps(wiring, fires))
        synops.append(fires @ wiring.synops)
        messages.append(fires @ wiring.messages)
        unread.append(_unread(wiring, fires, activity.steps))
        if progress is not None:
            progress(image + 1, count)
    received = (np.stack(synops), np.stack(messages), np.array(unread, np.int64))
    result = StepTiming(chip, np.stack(ends), *received, wiring.barrier_ps, wiring.tiles, wiring.lag)
    _check(activity, result)
    return result


def fired(activity: Activity, wiring: Wiring, image: int) -> NDArray[np.uint8]:
    """Spikes of one image by step on the chip, (steps + lag, rows): each site its own lag later; the last row never fires."""
    fires = np.zeros((activity.steps + wiring.lag, wiring.synops.size), np.uint8)
    for site in wiring.sites:
        own = activity.spikes[site.name].fired(site.width, slice(image, image + 1)).reshape(activity.steps, site.width)
        fires[site.lag : site.lag + activity.steps, site.start : site.start + site.width] = own
    return fires


def _unread(wiring: Wiring, fires: NDArray[np.uint8], steps: int) -> int:
    """Synaptic operations of the spikes of an image that ports which look back would read after its last step."""
    found = 0
    for site in wiring.sites:
        rows, own = slice(site.start, site.start + site.width), fires[site.lag : site.lag + steps]
        found += sum(int(own[max(steps - delay, 0) :, rows].sum(axis=0) @ late[rows]) for delay, late in wiring.late.items())
    return found


def time_steps(wiring: Wiring, fires: NDArray[np.uint8]) -> Int64:
    """When each core was last at work in each step, ps, (steps, cores), from spikes (steps, rows), as `fired` gives them."""
    assert fires.shape[1] == wiring.synops.size
    ends = np.zeros((fires.shape[0], wiring.core.size), np.int64)
    run_steps(wiring.net, fires, room_of(wiring.net), ends)
    cores = int(wiring.core.max()) + 1
    by_core = np.zeros((fires.shape[0], cores), np.int64)
    for worker, core in enumerate(wiring.core.tolist()):
        if core >= 0:
            np.maximum(by_core[:, core], ends[:, worker], out=by_core[:, core])
    return by_core


def _check(activity: Activity, timing: StepTiming) -> None:
    """What cores received is what was executed, image by image."""
    counted = activity.accounting.eq30.sum(axis=(0, 1))[: timing.synops.shape[0]]
    received = timing.synops.sum(axis=1) - timing.unread
    if (counted != received).any():
        image = int(np.flatnonzero(counted != received)[0])
        raise ConservationError(
            f"image {image}: cores received {received[image]:,} synaptic operations, {counted[image]:,} were executed"
        )
