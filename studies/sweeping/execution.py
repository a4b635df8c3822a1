"""The network executed once for all points that share graph, steps and number format: found on disk, or done and kept there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import InputError
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.alike import mapping_key
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import execute, synthesise
from synaptile.simulator.arguments import check_held_steps
from synaptile.simulator.arithmetic import arithmetic_key
from synaptile.simulator.storage import load_activity
from synaptile.studies.answers import original_answers
from synaptile.studies.kept import kept
from synaptile.studies.rundir import Run, load_run, save_run
from synaptile.studies.spread import ONE_AT_A_TIME, kernel_threads
from synaptile.studies.sweeping.context import Context, load_context
from synaptile.studies.sweeping.model import converted, read
from synaptile.studies.sweeping.parameters import Conversion
from synaptile.studies.sweeping.reasons import reason_of
from synaptile.studies.sweeping.space import Point

FOLDER = "executions"
DONE = "activity.npz"


@dataclass(frozen=True)
class ExecutionTask:
    """An execution and the points that want it: mapped to the study's own chip, else to that of the first point that can.

    `command` is that of the study, which another process may execute.
    """

    directory: str
    context: str
    key: str
    points: tuple[Point, ...]
    threads: int | None
    command: tuple[str, ...]


@dataclass(frozen=True)
class Executed:
    """How an execution went; `reason` and `message` say what kept it from being done for any point (`state` None)."""

    key: str
    state: Literal["executed", "fits nowhere"] | None
    reason: str = ""
    message: str = ""


def folder_of(context: Context, key: str) -> Path:
    """Where the run of an execution lies."""
    return Path(context.model.file) if context.model.kind == "run" else Path(context.directory) / FOLDER / key


def run_execution(task: ExecutionTask) -> Executed:
    """Execute a network and keep the run, unless it is kept already."""
    context = load_context(task.directory, task.context)
    with ONE_AT_A_TIME:
        folder = folder_of(context, task.key)
        if (folder / DONE).is_file():
            return Executed(task.key, "executed")
        try:
            settings = task.points[0].settings
            graph = converted(context.model, settings.conversion)
            program = _first_that_fits(context, graph, task.points)
            if program is None:
                return Executed(task.key, "fits nowhere")
            run = _run(context, program, settings.numeric, kernel_threads(task.threads))
            provenance = {**run.activity.provenance, "command": list(task.command)}
            save_run(replace(run, activity=replace(run.activity, provenance=provenance)), folder)
        except InputError as error:
            return Executed(task.key, None, reason_of(error), str(error))
    return Executed(task.key, "executed")


@kept(2)
def kept_run(folder: str) -> Run:
    """The run of an execution, read once per process."""
    return load_run(folder)


@kept(2)
def structure(directory: str, digest: str, conversion: Conversion) -> SpikingGraph:
    """The graph of points whose execution no chip of theirs could take."""
    return converted(load_context(directory, digest).model, conversion)


def _first_that_fits(context: Context, graph: SpikingGraph, points: Sequence[Point]) -> CoreProgram | None:
    """The graph on the first chip that takes it and holds all steps between layers; else on the first that takes it."""
    tried, fewer_steps = set[str](), None
    for settings in (context.base, *(point.settings for point in points)):
        try:
            chip = context.chip_of(settings)
            options = settings.mapping.model_dump() | {"goal": "room"}  # what a mapping is for changes no spike
            if arithmetic_key(chip, settings.numeric) != arithmetic_key(context.chip_of(points[0].settings), settings.numeric):
                continue
            attempt = digest_of([mapping_key(chip), settings.mapping.replicas])
            if attempt in tried:
                continue
            tried.add(attempt)
            program = map_graph(graph, chip, **options)
            fewer_steps = fewer_steps or program
            check_held_steps(chip, context.most_steps)
            return program
        except (DoesNotFit, InputError):
            continue  # the point itself says so in its row
    return fewer_steps


def _run(context: Context, program: CoreProgram, numeric: str, threads: int) -> Run:
    graph = program.graph
    if context.rates is not None:
        rates = context.rates
        given = rates.density if rates.density is not None else rates.file or load_activity(str(rates.run))
        keep = rates.images if context.keep else 0
        drawn = synthesise(
            program, context.most_steps, given, images=rates.images, seed=rates.seed, numeric=numeric, keep_spikes=keep
        )
        return Run(drawn, np.full(rates.images, -1, np.int64), np.zeros((rates.images, 0)))
    assert context.images is not None
    inputs = read(context.images, context.model.file)
    answers = original_answers(graph, inputs.images)
    labels = inputs.labels
    keep = len(labels) if context.keep else 0
    activity = execute(program, inputs.images, context.most_steps, numeric, threads=threads, keep_spikes=keep)
    return Run(activity, labels, answers, inputs.files)
