"""Differential coding, layer-major order and phases beside ECMT on the reference chip: CPU time per accumulate, one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.growth import accumulates
from benchmarks.measure import Figures, print_table, time_in_turn
from benchmarks.workloads import LEVELS, network, program_of, random_images
from synaptile.conversion.differential.structure import differential_structure
from synaptile.conversion.graph import SpikingGraph
from synaptile.mapper import CoreProgram
from synaptile.simulator import execute

STEPS = 4
TOKEN_THETA, MAP_THETA = 80.0, 0.5
"""Largest thresholds of differential sites at which about half the neurons fire, as those of `workloads.network` do."""


class Row(NamedTuple):
    """CPU time of a run, its accumulates, and time per accumulate against the first row's."""

    seconds: float
    accumulates: int
    against: float

    @property
    def picoseconds(self) -> float:
        """Per accumulate."""
        return self.seconds / self.accumulates * 1e12


def differential(graph: SpikingGraph) -> SpikingGraph:
    """The same network under differential coding, with thresholds for random weights."""
    thetas: dict[str, NDArray[Any]] = {
        site.name: np.full(site.shape[0], MAP_THETA) if site.is_map else np.full(site.width, TOKEN_THETA) for site in graph.sites
    }
    return differential_structure(graph, LEVELS, thetas, {})


def programs(depth: int) -> dict[str, CoreProgram]:
    """A ViT of ViT-S/16's blocks on the machines and by the methods that are compared, ECMT step by step first."""
    graph = network(depth=depth)
    return {
        "ECMT, ecmt45": program_of(graph),
        "differential, ecmt45": program_of(differential(graph)),
        "ECMT, layer-major (ecmt45-lm)": program_of(graph, "ecmt45-lm"),
        "ECMT, phases (ecmt45-edge)": program_of(graph, "ecmt45-edge"),
    }


def measure(*, quick: bool = False) -> dict[str, Row]:
    """Time each in turn."""
    found = programs(2 if quick else 6)
    images = {name: random_images(program.graph) for name, program in found.items()}
    work = {name: accumulates(program, images[name], STEPS) for name, program in found.items()}
    candidates: dict[str, Callable[[], Any]] = {
        name: partial(execute, program, images[name], STEPS, "float32", threads=1) for name, program in found.items()
    }
    timings = time_in_turn(candidates, 3 if quick else 7)
    first = next(iter(found))
    one = timings[first].best / work[first]
    return {name: Row(timing.best, work[name], timing.best / work[name] / one) for name, timing in timings.items()}


def print_tables(*, quick: bool = False) -> Figures:
    """Time per accumulate of each; for the history, against ECMT's."""
    found = measure(quick=quick)
    rows = [
        (name, *(f"{n:.0f}" for n in (1e3 * row.seconds, 1e-6 * row.accumulates)), f"{row.picoseconds:.1f}", f"{row.against:.2f}")
        for name, row in found.items()
    ]
    header = ("what", "best ms", "M accumulates", "ps per accumulate", "x ECMT")
    print_table(f"Blocks of ViT-S/16, T = {STEPS}, float32, all counts, one thread, CPU time", header, rows)
    return {f"{name}, time per accumulate, x ECMT": row.against for name, row in found.items()}
