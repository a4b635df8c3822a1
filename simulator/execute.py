"""Execute a CoreProgram on images, event by event, and record what every core did."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    Convolution2d,
    CurrentSource,
    Neurons,
    Node,
    Port,
    ProductUnit,
    SpikeSource,
    Synapse,
    ValueSource,
)
from synaptile.conversion.graph.order import Stage
from synaptile.conversion.spikes import check_samples
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Progress
from synaptile.mapper.lengths import program_at
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.storage import as_program
from synaptile.simulator.activity import Activity
from synaptile.simulator.arguments import check_held_steps, kept_samples, positive_integer
from synaptile.simulator.arithmetic import arithmetic_of, default_numeric, rounds_stream
from synaptile.simulator.dense.reference import check_steps
from synaptile.simulator.event.buffers import Buffers
from synaptile.simulator.event.build import Layout, make_layout, make_unit
from synaptile.simulator.event.loop import as_read, earlier, run_loop
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.event.ternary_unit import spike_values
from synaptile.simulator.event.unit import Traffic
from synaptile.simulator.fixed_point import check_membranes
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.formatted import HALVES, round_stream
from synaptile.simulator.lengths import runs_of
from synaptile.simulator.memory import check_memory
from synaptile.simulator.number_format import check_clock, format_of
from synaptile.simulator.settling import settled_steps

TOKENS_AT_ONCE = 800
NEURONS_PER_TOKEN = 512
STEPS_AT_ONCE = 64


def execute(
    program: CoreProgram | str | Path,
    images: Any,
    steps: int,
    numeric: str | None = None,
    *,
    threads: int | None = None,
    images_at_once: int | None = None,
    keep_spikes: int = 1,
    progress: Progress | None = None,
) -> Activity:
    """Run the mapped network: spikes fetch weight rows, products accumulate events, EC units expect, MT neurons fire.

    Args:
        program: from `synaptile.mapper.map_graph`, its graph with arrays; or the path of its file.
        images: preprocessed, float32 or float64, shape (images, channels, H, W); for a graph that takes spikes, trains of 0
            and 1, shape (steps or more, samples, neurons), for one that takes values, real ones of that shape; for one that takes
            currents, whole numbers, shape (samples, neurons) or (samples, channels, H, W); for a graph of text `Tokens`, or a
            pair (ids, mask): each sentence runs at its own length, and what pads it costs nothing. Consecutive sentences of one
            length run together.
        steps: time steps, at least 1.
        numeric: ``"float32"``, ``"float64"``, ``"int8"`` (int8 weights, int32 accumulators, float32 elsewhere) or ``"chip"``: the
            formats that the chip states, and by default that where it states any, else float32. Function tables are executed
            in all.
            Networks of whole numbers have int8 alone, and integers everywhere.
        threads: Numba threads; None takes all.
        images_at_once: images whose state is held together; None chooses so that some 800 tokens are in flight. Counts do
            not depend on it.
        keep_spikes: leading images of which every spike's neuron is kept (a bit per neuron and step), so that the run can be
            scheduled on a chip that maps it otherwise; 0 keeps none.
        progress: called with (nodes done, nodes in all), counted over images.

    Raises ImageError for unusable images, InputError for unusable sentences, other arguments and too little memory,
    ConservationError where counts disagree.
    """
    program = as_program(program)
    number, steps = format_of(program.graph, numeric, default_numeric(program.chip)), check_steps(steps)
    keep_spikes = kept_samples(keep_spikes)
    check_held_steps(program.chip, steps)
    arithmetic = arithmetic_of(program.chip, number)
    check_clock(program.graph, steps, arithmetic)
    check_membranes(program.graph, arithmetic)
    batch = check_samples(images, program.graph, steps)
    size = _batch_size(program, images_at_once, len(batch), steps)
    lengths = batch.lengths if isinstance(batch, Tokens) else None
    thread_count = _thread_count(threads)
    room = check_memory(program.graph, number, steps, len(batch), size, keep_spikes)
    layout, buffers = make_layout(program, number), Buffers(*room)
    recorder = Recorder(layout, steps, len(batch), keep_spikes, lengths)
    before = numba.get_num_threads()
    numba.set_num_threads(thread_count)
    try:
        for start, stop, length in runs_of(batch, size):
            if isinstance(batch, Tokens):
                assert length is not None
                shorter = make_layout(program_at(program, length), number)
                _run_batch(shorter, buffers, batch.ids[start:stop, :length], start, recorder, progress)
            else:
                some = batch[start:stop].astype(layout.dtype, copy=False)
                _run_batch(layout, buffers, some, start, recorder, progress)
    finally:
        numba.set_num_threads(before)
    operations, accounting, spikes = recorder.finish()
    provenance = provenance_of(program, None if threads is None else thread_count)
    provenance |= {"arithmetic": arithmetic.told}
    if program.graph.integer:
        provenance |= {"membrane_overflows": recorder.overflows}
    settled = settled_steps(program.graph, spikes)
    return Activity(
        program,
        number,
        steps,
        len(batch),
        recorder.logits,
        operations,
        accounting,
        spikes,
        provenance,
        settled,
        recorder.convolutions,
        lengths,
        recorder.fetches,
        recorder.departures,
    )


def provenance_of(program: CoreProgram, threads: int | None) -> dict[str, object]:
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
        "command": command_line(),
    }


def command_line() -> list[str]:
    """What this process was started with, the program without its folder."""
    return [argument.rpartition("/")[2] for argument in sys.argv[:1]] + sys.argv[1:]


def _run_batch(
    layout: Layout, buffers: Buffers, images: NDArray[Any], start: int, recorder: Recorder, progress: Progress | None
) -> None:
    """Run node by node through all steps, so that only one node's weights and state are live at a time; a loop step by step."""
    graph, steps, done = layout.program.graph, recorder.steps, 0
    streams: dict[str, Any] = {}
    for stage in graph.stages:
        traffic = _run_stage(layout, buffers, images, stage, streams, steps)
        for node in sorted((graph.nodes[name] for name in stage), key=lambda node: not isinstance(node, Neurons)):
            recorder.record(node, traffic[node.name], streams.get(node.name), start, len(images))
        for name in graph.read_last(stage[-1]):
            streams.pop(name, None)
        done += len(stage)
        if progress is not None:
            progress(start * len(graph.nodes) + done * len(images), recorder.images * len(graph.nodes))
    recorder.logits[:, start : start + len(images)] = streams[graph.readout.name].reshape(steps, len(images), -1)


def _run_stage(
    layout: Layout, buffers: Buffers, images: NDArray[Any], stage: Stage, streams: dict[str, Any], steps: int
) -> dict[str, Traffic]:
    """Run a node, or the nodes of a loop together; adds their streams and returns what they did.

    Units end here: the next one's weights must not meet their state.
    """
    graph, half = layout.program.graph, layout.arithmetic.words

    def finish(node: Node, out: Any) -> None:
        if half is not None and rounds_stream(node):
            round_stream(out, HALVES[half])

    units = {name: make_unit(layout, graph.nodes[name], images, buffers) for name in stage}
    if len(stage) > 1:
        streams |= run_loop(graph, units, streams, steps, finish)
        return {name: unit.traffic for name, unit in units.items()}
    node, unit = graph.nodes[stage[0]], units[stage[0]]
    inputs = [earlier(streams[port.node], steps, port.delay) for port in node.inputs]
    if not isinstance(node, Synapse | Convolution2d | ProductUnit):  # these take events
        inputs = [_real(layout, port, stream) for port, stream in zip(node.inputs, inputs, strict=True)]
    streams[node.name] = unit.run(steps, as_read(node, inputs), [port.start for port in node.inputs])
    finish(node, streams[node.name])
    return {node.name: unit.traffic}


def _real(layout: Layout, port: Port, stream: Any) -> NDArray[Any]:
    """A stream as real values: what nodes that do not take events make of spikes."""
    if not isinstance(stream, Events):
        return np.asarray(stream)
    site = layout.program.graph.nodes[port.node]
    assert isinstance(site, Neurons)
    if layout.program.graph.integer:
        return stream.codes.astype(layout.dtype)
    return spike_values(site, stream, layout.dtype)


def _batch_size(program: CoreProgram, images_at_once: int | None, images: int, steps: int) -> int:
    if images_at_once is None:
        tokens = max(node.tokens for node in program.graph.nodes.values())
        if isinstance(program.graph.source, SpikeSource | ValueSource | CurrentSource):  # whole layers in one token
            tokens = max(-(-node.size // NEURONS_PER_TOKEN) for node in program.graph.nodes.values())
        if isinstance(program.graph.source, CurrentSource):  # and hundreds of steps
            tokens = -(-tokens * steps // STEPS_AT_ONCE)
        return max(1, min(images, TOKENS_AT_ONCE // tokens))
    return positive_integer("images_at_once", images_at_once)


def _thread_count(threads: int | None) -> int:
    available = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set when numba is imported
    if threads is None:
        return available
    if positive_integer("threads", threads) > available:
        raise InputError(f"threads is {threads}, this machine gives 1 to {available}")
    return int(threads)
