"""record: every stretch of work of every core over a stream of images, in picoseconds, as the event loop of a step logs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synaptile.foundation.types import Int64, Progress
from synaptile.simulator.activity import Activity
from synaptile.simulator.barrier.kernel import BEGIN, FROM, LAST, NONE, SINCE, START, STOP, WHY, room_of, run_steps
from synaptile.simulator.barrier.measure import fired
from synaptile.simulator.barrier.wiring import Wiring

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Record:
    """Picoseconds count from the start of the stream; steps of the chip follow one another, image by image.

    `log` (7, stretches): rows of `kernel.Room.log`, of all steps. A stretch that began with its step goes back to the last one of
    the step before. `step` (stretches,): its step on the chip. Of each step (steps,): `opened_ps`, when it began, `closed_ps`,
    when its slowest core was done, `last`, that core's last stretch; `ends_ps` (steps, workers). `pair` (pairs, 2) lists sending
    part (-1 from outside) and receiving core of messages; `left_ps`, `arrived_ps` (steps, pairs): when the first left and the
    last was there, NEVER and -1 where none was sent.
    """

    log: Int64
    step: Int64
    opened_ps: Int64
    closed_ps: Int64
    last: Int64
    ends_ps: Int64
    pair: Int64
    left_ps: Int64
    arrived_ps: Int64


def record(activity: Activity, wiring: Wiring, images: int, progress: Progress | None = None) -> Record:
    """Run the first `images` images, one after another: the membranes of a core hold one image."""
    net, room = wiring.net, room_of(wiring.net)
    messages_of = np.diff(net.message)
    pair_of_message = np.stack([np.repeat(net.sweeps, messages_of) >> 1, net.to], axis=1)
    pair, number = np.unique(pair_of_message, axis=0, return_inverse=True)
    number = number.reshape(-1)
    per = activity.steps + wiring.lag
    logs: list[Int64] = []
    opened, closed, last = np.zeros((3, images * per), np.int64)
    ends = np.zeros((images * per, wiring.core.size), np.int64)
    left, arrived = np.full((images * per, len(pair)), NEVER), np.full((images * per, len(pair)), -1)
    on_chip = np.flatnonzero(wiring.core >= 0)
    begun, before, ended, latest = 0, 0, 0, NONE  # of the step: when it began, stretches before it; of the one before
    for image in range(images):
        for at, mask in enumerate(fired(activity, wiring, image), image * per):
            run_steps(net, mask[None], room, ends[at : at + 1])
            log = room.log[:, : int(room.logged[0])].copy()
            started = log[WHY] == START
            log[[BEGIN, STOP, SINCE]] += begun
            log[FROM] += np.where(log[FROM] >= 0, before, 0)
            log[FROM, started], log[SINCE, started] = latest, ended
            sent = np.flatnonzero(np.repeat(mask[net.row], messages_of))
            np.minimum.at(left[at], number[sent], begun + room.left[sent])
            np.maximum.at(arrived[at], number[sent], begun + room.left[sent] + net.flight_ps[sent])
            slowest = int(on_chip[ends[at, on_chip].argmax()])
            if room.worker[LAST, slowest] != NONE:
                latest = before + int(room.worker[LAST, slowest])
            ends[at] += begun
            ended = int(ends[at, slowest])
            opened[at], closed[at], last[at] = begun, ended, latest
            begun, before = ended + wiring.barrier_ps, before + log.shape[1]
            logs.append(log)
        if progress is not None:
            progress(image + 1, images)
    step = np.repeat(np.arange(images * per), [log.shape[1] for log in logs])
    return Record(np.concatenate(logs, axis=1), step, opened, closed, last, ends, pair, left, arrived)
