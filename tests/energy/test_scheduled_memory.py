"""Are row fetches and buffered events, executed, scheduled, priced and traced, the same, and is a lost one found?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import Convolution2d, Neurons, ProductUnit, Synapse
from synaptile.conversion.nir import from_nir
from synaptile.energy import memory, price
from synaptile.foundation.errors import ConservationError
from synaptile.hwmodels.sections import Memories, Memory
from synaptile.mapper import map_graph
from synaptile.report.trace import write_trace
from synaptile.report.trace.perfetto_read import sum_arguments
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.schedule.arrivals import arrivals_of, images_compared
from synaptile.simulator.schedule.timeline import OPERANDS, Timeline
from tests.energy.test_dataflow import IMAGES, ROOMY, STEPS, TOKENS, counts, fired, machine, run
from tests.nir.networks import convolutional, trains
from tests.schedule.test_phases import phased

BUFFERED = Memories(event_buffer=Memory(width_bits=62, read_pj=1.0, write_pj=2.0))


def timeline_of(order: str = "layer_major", block: int = 2, batch: int = 3, **options: int) -> Timeline:
    activity = run(machine(order, block, batch, memories=BUFFERED), options.get("keep", IMAGES))
    return schedule(activity, images=options.get("images", IMAGES))


def by_hand(timeline: Timeline) -> tuple[list[int], list[int]]:
    """Events and rows of every job, in the order of the table: sets of rows that a block and batch has met so far."""
    activity, program, jobs = timeline.activity, timeline.program, timeline.jobs
    parts, events, rows = program.parts, list[int](), list[int]()
    met: set[tuple[int, ...]] = set()
    bits = {site.name: fired(activity, site.name) for site in program.graph.of_type(Neurons)}
    columns = (getattr(jobs, name).tolist() for name in ("part", "token", "step", "image"))
    for part, token, step, image in zip(*columns, strict=True):
        node = program.graph.nodes[program.node_names[parts.node[part]]]
        reads = [program.graph.nodes[port.node] for port in node.inputs]
        events.append(0)
        rows.append(0)
        if not reads or not isinstance(site := reads[token == OPERANDS], Neurons):
            continue
        own = bits[site.name][step, image]
        own = own if site.is_map else own[None]
        first, last = int(parts.token_start[part]), int(parts.token_stop[part])
        start, stop = int(parts.out_start[part]), int(parts.out_stop[part])
        if isinstance(node, Synapse):
            own = own[:, :, parts.in_start[part] : parts.in_stop[part]]
        elif isinstance(node, ProductUnit):
            width = node.head_width
            if site.is_map:
                own = own[start // width : -(-stop // width)]
            else:
                own = own[:, :, start * width : stop * width] if node.form == "qk" else own[:, :, start:stop]
        else:
            own = own[:, first:last]
        spikes = np.argwhere(own if token == OPERANDS else own[:, token : token + 1]).tolist()
        events[-1] = len(spikes)
        if token == OPERANDS or not isinstance(node, Synapse | ProductUnit) or not getattr(node, "spiking", True):
            continue
        core = program.chip.synapse_core if isinstance(node, Synapse) else program.chip.ec_core
        assert core is not None
        batch = core.dataflow.time_batch if isinstance(node, Synapse) else 1
        place = (part, image, (token - first) // core.dataflow.token_block, step // batch)
        found = {(*place, head, channel) for head, _, channel in spikes} - met
        met |= found
        rows[-1] = len(found)
    return events, rows


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["step_major", "layer_major"]), st.integers(1, TOKENS + 1), st.integers(1, STEPS), st.integers(1, IMAGES))
def test_jobs_take_in_what_sets_of_spikes_say_and_all_of_it_is_priced(order: str, block: int, batch: int, images: int) -> None:
    timeline = timeline_of(order=order, block=block, batch=batch if order == "layer_major" else 1, images=images)
    found = arrivals_of(timeline)
    events, rows = by_hand(timeline)
    assert found.events.tolist() == events
    assert found.rows.tolist() == rows
    price(timeline.activity, timeline.program.chip, timeline=timeline)


def lost_fetch(timeline: Timeline) -> Timeline:
    """Execution tallied one row more than the spikes need."""
    fetches = dict(timeline.activity.fetches)
    name = next(name for name, one in fetches.items() if one.rows.any())
    more = fetches[name].rows.copy()
    more[tuple(np.argwhere(more)[0])] += 1
    return _with(timeline, replace(timeline.activity, fetches=fetches | {name: replace(fetches[name], rows=more)}))


def lost_mask(timeline: Timeline) -> Timeline:
    """A spike that was kept is another neuron's."""
    spikes = dict(timeline.activity.spikes)
    name = next(node.inputs[0].node for node in timeline.program.graph.of_type(Synapse) if node.spiking)
    masks = spikes[name].masks
    assert masks is not None
    return _with(timeline, replace(timeline.activity, spikes=spikes | {name: replace(spikes[name], masks=np.zeros_like(masks))}))


def lost_message(timeline: Timeline) -> Timeline:
    """A message brings a spike less."""
    elements, flows = timeline.messages.elements.copy(), timeline.program.flows
    spiking = np.unique(flows.group[(flows.group >= 0) & (flows.spiking == 1)])
    elements[np.flatnonzero(np.isin(timeline.messages.group, spiking) & (elements > 0))[0]] -= 1
    return replace(timeline, messages=replace(timeline.messages, elements=elements))


def _with(timeline: Timeline, activity: Activity) -> Timeline:
    return replace(timeline, activity=activity)


@pytest.mark.parametrize(
    ("lose", "what"), [(lost_fetch, "rows are fetched"), (lost_mask, "rows are fetched"), (lost_message, "spikes reach")]
)
def test_what_execution_and_schedule_tell_otherwise_is_neither_priced_nor_traced(
    lose: Callable[[Timeline], Timeline], what: str, tmp_path: Path
) -> None:
    broken = lose(timeline_of())
    with pytest.raises(ConservationError, match=rf"node '.*', part \d+, image 0, step \d: [\d,]+ {what}.*execution counted"):
        price(broken.activity, broken.program.chip, timeline=broken)
    with pytest.raises(ConservationError, match=what):
        write_trace(broken, tmp_path / "trace")


@pytest.mark.parametrize("role", ["weight rows", "operand row", "event write", "event read"])
@pytest.mark.parametrize("images", [1, IMAGES])
def test_a_bill_that_lost_accesses_is_refused(role: str, images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline, honest = timeline_of(images=images), memory.snn_accesses

    def losing(*arguments: Any, **options: Any) -> Any:
        tally = honest(*arguments, **options)
        key = next(key for key, count in tally.counts.items() if key[2] == role and count.any())
        tally.counts[key][:] = 0
        return tally

    monkeypatch.setattr("synaptile.energy.rungs.snn_accesses", losing)
    with pytest.raises(ConservationError, match=rf"'{role}' of node '.*' on core \d+, step \d: the bill holds 0 x .* jobs make"):
        price(timeline.activity, timeline.program.chip, timeline=timeline)


@pytest.mark.parametrize("timeline", [timeline_of, phased])
def test_traces_carry_what_jobs_take_in(timeline: Callable[[], Timeline], tmp_path: Path) -> None:
    own = timeline()
    found = arrivals_of(own)
    sums = int(found.events.sum()), int(found.rows.sum())
    assert min(sums) > 0
    assert sum_arguments(write_trace(own, tmp_path / "trace"), ("events", "rows_fetched")) == sums
    table = pq.read_table(write_trace(own, tmp_path / "tables", "parquet") / "jobs.parquet")
    assert table["events"].to_pylist() == found.events.tolist()
    assert table["rows_fetched"].to_pylist() == found.rows.tolist()


def test_a_report_says_which_fetches_could_not_be_compared() -> None:
    for keep in (0, 1, IMAGES):
        timeline = timeline_of(keep=keep)
        assert images_compared(timeline) == keep
        assert (arrivals_of(timeline).rows[timeline.jobs.image >= keep] <= 0).all()
        notes = " ".join(price(timeline.activity, timeline.program.chip, timeline=timeline).notes)
        assert (f"compared for {keep} of {IMAGES} scheduled images" in notes) == (keep < IMAGES)
    moved = schedule(run(machine()), machine(block=2), images=IMAGES)
    assert moved.remapped
    assert "could not be compared: it re-mapped" in " ".join(price(moved.activity, machine(block=2), timeline=moved).notes)


def test_a_convolution_buffers_each_spike_once_and_reads_it_for_each_pass_over_a_weight_row() -> None:
    """By hand: 28 bits per spike in accesses of 62 bits, 1 lane, a pass for each channel of a part's group."""
    network = convolutional()
    core = replace(ROOMY.synapse_core, lanes_per_cycle=1)
    chip = replace(ROOMY, memories=BUFFERED, synapse_core=core, noc=replace(ROOMY.noc, spike_header_bits=28))
    program = map_graph(from_nir(network), chip, anneal_moves=0)
    activity = execute(program, trains(network, STEPS, IMAGES), STEPS, keep_spikes=IMAGES)
    report, parts = price(activity, chip, timeline=schedule(activity, images=IMAGES)), program.parts
    for node in program.graph.of_type(Convolution2d):
        site = program.graph.nodes[node.inputs[0].node]
        assert isinstance(site, Neurons)
        bits, written, read = 28 + ceil(log2(site.values)), 0, 0
        for at, part in enumerate(program.parts_of(node.name).tolist()):
            start, stop = int(parts.out_start[part]), int(parts.out_stop[part])
            first, last = node.part_span(start, stop)
            spikes = fired(activity, site.name)[:, :, 0, first:last].sum(axis=(1, 2), dtype=np.int64)
            rows = activity.convolutions[node.name][:, :, at, 1].sum(axis=1)
            words = min(node.part_channels(start, stop), node.channels // node.groups)
            written += int((-(-spikes * bits // 62)).sum())
            read += int((-(-rows * words * bits // 62)).sum())
        assert counts(report, "event write")[node.name] == written > 0
        assert counts(report, "event read")[node.name] == read > 0
        first, last = node.part_span(0, node.width)
        passes = node.part_fetches(0, node.width) * node.channels // node.groups
        assert program.parts_of(node.name).size == 1
        assert counts(report, "event write", "ann")[node.name] == ceil((last - first) * 32 / 62)
        assert counts(report, "event read", "ann")[node.name] == ceil(passes * 32 / 62)
