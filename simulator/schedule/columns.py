"""Columns of the tables of a timeline, filled row by row in one pass."""

from __future__ import annotations

from typing import Any

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.plan import StepJobs
from synaptile.simulator.schedule.timeline import Int8
from synaptile.simulator.schedule.trees import Trees


@uncounted
def fill_jobs(of_step: StepJobs, steps: int, moved: Any, of: Any, words: Int32, cycles: Int64, waits: Int64, cause: Int8) -> None:
    """Columns of a job table; words: part, core, token, step, image, spikes, waited_for; cycles: all others but for the cause.

    waits: when the last input was made and when the step began, which no table keeps.
    """
    (order, place), (times, end, opened, operations, spikes) = moved, of
    rows = of_step.part.shape[0]
    for at in range(order.shape[0]):
        number = order[at]
        of_stream, row = number // rows, number % rows
        words[0, at], words[1, at], words[2, at] = of_step.part[row], of_step.core[row], of_step.token[row]
        words[3, at], words[4, at], words[5, at] = of_stream % steps, of_stream // steps, spikes[number]
        words[6, at] = place[times.waited_for[number]] if times.waited_for[number] >= 0 else -1
        cycles[0, at], cycles[1, at], cycles[2, at] = times.ready[number], times.start[number], end[number]
        cycles[3, at], waits[0, at], waits[1, at] = operations[number], times.made[number], opened[number]
        cause[at] = times.cause[number]


@uncounted
def fill_messages(order: Int64, tree_of: Int32, trees: Trees, sent: Any, words: Int32, cycles: Int64) -> None:
    """Columns of a message table; words: all before the cycles."""
    job, elements, flits, injected, delivered = sent
    for at in range(order.shape[0]):
        message = order[at]
        tree = tree_of[message % tree_of.shape[0]]
        words[0, at], words[1, at], words[2, at] = job[message], trees.group[tree], trees.target_core[tree]
        words[3, at], words[4, at] = elements[message], flits[message]
        words[5, at], words[6, at] = trees.hops[tree], trees.crossings[tree]
        cycles[0, at], cycles[1, at] = injected[message], delivered[message]
