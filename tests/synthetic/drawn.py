"""Small programs for synthetic activity, and an execution's own spikes handed to it in place of drawn ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, Node, SpikingGraph
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.kernels.fire import Events
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.simulator.runs import some_images

Codes = dict[str, NDArray[np.int8]]


@cache
def small_program(*, depth: int = 2, dense_head: bool = False) -> CoreProgram:
    return map_graph(vit_graph(depth, 5, 16, 2, 32, 3, dense_head=dense_head), small_chip(), placement="row_major")


@cache
def small_run(*, images: int = 8, steps: int = 6, keep_spikes: int = 8) -> Activity:
    program = small_program()
    return execute(program, some_images(program.graph, images), steps, keep_spikes=keep_spikes)


def structure_of(graph: SpikingGraph) -> SpikingGraph:
    """The graph without its arrays."""
    return SpikingGraph.build(graph.name, graph.nodes.values(), {}, graph.metadata, structure_only=True)


def run_with_codes(program: CoreProgram, samples: NDArray[Any], steps: int, images: int) -> tuple[Activity, Codes]:
    """A run and its spikes as codes, (steps, images, *site shape)."""
    codes = {site.name: np.zeros((steps, images, *site.shape), np.int8) for site in program.graph.sites}
    plain = Recorder.record

    def record(self: Recorder, node: Node, traffic: Any, events: Events | None, start: int, count: int) -> None:
        if isinstance(node, Neurons) and events is not None:
            codes[node.name][:, start : start + count] = events.codes.reshape(steps, count, *node.shape)
        plain(self, node, traffic, events, start, count)

    with patch.object(Recorder, "record", record):
        return execute(program, samples, steps, keep_spikes=images), codes


@contextmanager
def instead_of_drawing(codes: Codes) -> Iterator[None]:
    """Synthetic activity takes these spikes."""

    def given(site: Neurons, rates: object, seed: tuple[int, int, int]) -> Iterator[NDArray[np.int8]]:
        yield from codes[site.name][:, seed[1]]

    with patch("synaptile.simulator.synthetic.synthesise.draw", given):
        yield
