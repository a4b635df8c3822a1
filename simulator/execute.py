"""Execute a CoreProgram on images, event by event, and record what every core did."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from conversion.graph import MTNeurons
from conversion.images import check_images, source_of
from foundation.errors import InputError
from mapper.program import CoreProgram
from simulator.activity import Activity
from simulator.dense.reference import check_steps
from simulator.event.build import Layout, make_layout, make_units
from simulator.event.record import Recorder
from simulator.number_format import check_numeric

Progress = Callable[[int, int], None]
TOKENS_AT_ONCE = 800


def execute(
    program: CoreProgram,
    images: Any,
    steps: int,
    numeric: str = "float32",
    *,
    threads: int | None = None,
    images_at_once: int | None = None,
    progress: Progress | None = None,
) -> Activity:
    """Run the mapped network: spikes fetch weight rows, products accumulate events, EC units expect, MT neurons fire.

    Args:
        program: from `mapper.map_graph`, its graph with arrays.
        images: preprocessed, float32 or float64, shape (images, channels, H, W).
        steps: time steps, at least 1.
        numeric: ``"float32"``, ``"float64"`` or ``"int8"`` (int8 weights, int32 accumulators, float32 elsewhere).
        threads: Numba threads; None takes all.
        images_at_once: images whose state is held together; None chooses so that some 800 tokens are in flight. Counts do
            not depend on it.
        progress: called with (image-steps done, image-steps in all).

    Raises ImageError for unusable images, InputError for other arguments, ConservationError where counts disagree.
    """
    number = check_numeric(numeric)
    check_steps(steps)
    batch = check_images(images, source_of(program.graph).image_shape)
    size = _batch_size(program, images_at_once, len(batch))
    layout = make_layout(program, number)
    recorder = Recorder(layout, steps, len(batch))
    before = numba.get_num_threads()
    numba.set_num_threads(_thread_count(threads))
    try:
        for start in range(0, len(batch), size):
            _run_batch(layout, batch[start : start + size].astype(layout.dtype, copy=False), start, steps, recorder, progress)
    finally:
        numba.set_num_threads(before)
    operations, accounting, spikes = recorder.finish()
    return Activity(
        program, number, steps, len(batch), recorder.logits, operations, accounting, spikes, provenance_of(program, threads)
    )


def provenance_of(program: CoreProgram, threads: int | None) -> Mapping[str, object]:
    """What is needed to repeat a run: versions, digests, mapping options, command."""
    try:
        own = version("synaptile")
    except PackageNotFoundError:
        own = "source checkout"
    return {
        "synaptile": own,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "numba": numba.__version__,
        "graph": program.graph.name,
        "graph_digest": program.graph.digest,
        "chip": program.chip.name,
        "chip_digest": program.chip.digest,
        "mapping": dict(program.options),
        "threads": threads,
        "command": [argument.rpartition("/")[2] for argument in sys.argv[:1]] + sys.argv[1:],
    }


def _run_batch(
    layout: Layout, images: NDArray[Any], start: int, steps: int, recorder: Recorder, progress: Progress | None
) -> None:
    graph = layout.program.graph
    units = make_units(layout, images)
    for t in range(1, steps + 1):
        streams: dict[str, Any] = {}
        waiting = {name: len(graph.consumers(name)) for name in graph.nodes}
        for node in graph.nodes.values():
            unit = units[node.name]
            streams[node.name] = unit.step(t, [streams[port.node] for port in node.inputs], [port.start for port in node.inputs])
            events = streams[node.name] if isinstance(node, MTNeurons) else None
            recorder.record(node, unit.traffic, events, t - 1, start, len(images))
            for name in {port.node for port in node.inputs}:
                waiting[name] -= 1
                if not waiting[name]:
                    del streams[name]
        recorder.logits[t - 1, start : start + len(images)] = streams[graph.readout.name]
        if progress is not None:
            progress(start * steps + t * len(images), recorder.images * steps)


def _batch_size(program: CoreProgram, images_at_once: int | None, images: int) -> int:
    if images_at_once is None:
        tokens = max(node.tokens for node in program.graph.nodes.values())
        return max(1, min(images, TOKENS_AT_ONCE // tokens))
    if images_at_once < 1:
        raise InputError(f"images_at_once is {images_at_once}, needs at least 1")
    return images_at_once


def _thread_count(threads: int | None) -> int:
    available = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set when numba is imported
    if threads is None:
        return available
    if not 1 <= threads <= available:
        raise InputError(f"threads is {threads}, this machine gives 1 to {available}")
    return threads
