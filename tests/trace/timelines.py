"""Timelines for tests: a tiny ViT over some twenty cores of two chips, executed and scheduled."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from synaptile.conversion.graph import ImageSource
from synaptile.hwmodels import Chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.schedule import schedule
from synaptile.simulator.schedule.timeline import Timeline
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

RUNS: tuple[dict[str, Any], ...] = (
    {},
    {"multicast": False},
    {"images": 2},
    {"synchronisation": "barrier", "images": 2},
    {"scale": 2, "steps": 3},
)
"""Timelines that differ in how messages are sent, in synchronisation and in size."""


@lru_cache
def activity(*, images: int = 1, steps: int = 2, multicast: bool = True, scale: int = 1) -> Activity:
    """One run; `scale` multiplies the widths of network and chip."""
    chip = small_chip(
        synapse={"weight_memory_bits": 5 * 8 * 32 * scale**2, "state_memory_bits": 4096 * scale},
        ec={"state_memory_bits": 12_000 * scale**2},
    )
    chip = replace(chip, noc=replace(chip.noc, multicast=multicast))
    network = vit_graph(1, 5, 8 * scale, 2, 16 * scale, 3, patch=2)
    source = next(node for node in network.nodes.values() if isinstance(node, ImageSource))
    pixels = np.random.default_rng(0).standard_normal((images, *source.image_shape)).astype(np.float32)
    return execute(map_graph(network, chip, seed=0), pixels, steps)


@lru_cache
def timeline(*, synchronisation: str = "dataflow", **options: Any) -> Timeline:
    """The schedule of all images of `activity(**options)`."""
    run = activity(**options)
    return schedule(run, images=run.images, synchronisation=synchronisation)


def receivers(program: CoreProgram) -> list[list[int]]:
    """Cores that each tree delivers to, ascending."""
    flows, cores = program.flows, program.parts.core
    groups = range(len(program.routes.source_core))
    return [sorted({int(cores[target]) for target in flows.target[flows.group == group]}) for group in groups]


def with_jobs(run: Timeline, **columns: Any) -> Timeline:
    """The timeline with columns of its job table replaced."""
    return replace(run, jobs=replace(run.jobs, **columns))


def with_clock(run: Timeline, clock_mhz: float) -> Timeline:
    """The timeline on a chip of another clock."""
    chip: Chip = replace(run.program.chip, clock_mhz=clock_mhz)
    return replace(run, program=replace(run.program, chip=chip))
