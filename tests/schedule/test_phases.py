"""Are phases what the naive scheduler gives each of them by itself, one after another?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import MTNeurons
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Buffer, Dram, Memories
from synaptile.mapper import map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import execute, schedule
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.schedule.replay import passages
from synaptile.simulator.schedule.timeline import Cause, Timeline
from synaptile.simulator.schedule.transfers import handed_on_note, most_stored_bits, stored_bits, stored_outputs
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.schedule.naive import Job, Naive, first_image
from tests.schedule.test_against_naive import chips, keys


def streamed(chip: Chip, width: int, height: int) -> Chip:
    """The chip with fewer tiles, and weights from outside."""
    dram = Dram(pj_per_bit=8.0, gbit_per_s=0.4, latency_ns=30.0)
    mesh = replace(chip.mesh, width=width, height=height, max_chips=1)
    return replace(chip, mesh=mesh, weights="streamed", memories=Memories(dram=dram))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(chips(), st.data())
def test_each_phase_takes_the_cycles_that_the_naive_scheduler_gives_it(chip: Chip, data: st.DataObject) -> None:
    chip = streamed(chip, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    graph = vit_graph(depth=1, tokens=3, width=4, heads=2, hidden=6, classes=3, n=3, patch=1, seed=data.draw(st.integers(0, 99)))
    try:
        program = map_graph(graph, chip, anneal_moves=50)
    except DoesNotFit:
        return
    images = np.random.default_rng(1).standard_normal((2, *first_image(graph))).astype(np.float32)
    activity = execute(program, images, 2, keep_spikes=2)
    timeline = schedule(activity, images=2)
    phases = timeline.phases
    event(f"{program.phases} phases")
    if phases is None:
        assert program.phases == 1
        return
    names = keys(timeline)
    found = dict(zip(names, timeline.jobs.start_cycles.tolist(), strict=True))
    expected: dict[Job, int] = {}
    for row in range(phases.phase.size):
        first, begin = int(phases.first_image[row]), int(phases.start_cycles[row])
        twin = Naive(
            activity, int(phases.images[row]), timeline.synchronisation == "barrier", first=first, phase=int(phases.phase[row])
        )
        for job, start in twin.run().start.items():
            expected[job._replace(step=job.step + first * activity.steps)] = begin + start
    assert found == expected
    last = timeline.jobs.end_cycles.max()
    assert sum(hold.wait_cycles + hold.run_cycles for hold in timeline.critical_path) == last
    assert timeline.makespan_cycles == max(last, phases.end_cycles.max())
    assert (timeline.jobs.cause == Cause.PHASE).any()
    for _ in passages(timeline):
        pass  # the replay of links checks itself


def test_a_phase_begins_with_the_turn_of_each_link_at_its_first_input() -> None:
    """Bounded queues in phases: the turn that a phase left a link with is not that of the next, in the replay neither."""
    chip = small_chip(synapse={"weight_memory_bits": 384, "state_memory_bits": 1920}, ec={"state_memory_bits": 3200})
    bounded: dict[str, Any] = {
        "link_flits_per_cycle": 0.5,
        "flow_control": "cut_through",
        "packet_flits": 1,
        "input_queue_flits": 2,
    }
    chip = streamed(replace(chip, noc=replace(chip.noc, flit_bits=16, **bounded)), 2, 2)
    graph = vit_graph(depth=1, tokens=3, width=4, heads=2, hidden=6, classes=3, n=3, patch=1, seed=0)
    images = np.random.default_rng(1).standard_normal((2, *first_image(graph))).astype(np.float32)
    timeline = schedule(execute(map_graph(graph, chip, anneal_moves=50), images, 2, keep_spikes=2), images=2)
    assert timeline.program.phases == 4
    assert sum(len(chunk.message) for chunk in passages(timeline)) > timeline.messages.job.size


def phased(**changes: Any) -> Timeline:
    """Two images of a small network on a chip of 3 x 3 tiles that streams its weights."""
    graph = vit_graph(depth=1, tokens=4, width=8, heads=2, hidden=16, classes=3, n=4, patch=1, seed=3)
    chip = small_chip(synapse={"weight_memory_bits": 3200, "state_memory_bits": 6400})
    chip = replace(streamed(chip, 2, 2), clock_mhz=100.0, **changes)
    images = np.random.default_rng(2).standard_normal((4, *first_image(graph))).astype(np.float32)
    return schedule(execute(map_graph(graph, chip), images, 2, keep_spikes=4), images=4)


def test_weights_load_at_the_bandwidth_of_dram_after_its_latency() -> None:
    """By hand: 0.4 Gbit/s at 100 MHz are 4 bits per cycle, 30 ns are 3 cycles."""
    timeline = phased()
    program, phases = timeline.program, timeline.phases
    assert phases is not None and program.phases > 1
    for row in range(phases.phase.size):
        bits = program.cores.weight_bits_used[program.cores.phase == phases.phase[row]].sum()
        assert phases.load_end_cycles[row] - phases.load_start_cycles[row] == 3 + -(-int(bits) // 4)
        assert phases.start_cycles[row] >= phases.load_end_cycles[row]
    assert (phases.start_cycles[1:] >= phases.end_cycles[:-1]).all(), "one phase at a time"
    assert phases.first_image.tolist() == [image for image in range(4) for _ in range(program.phases)]


def test_what_phases_hand_on_takes_its_time() -> None:
    """By hand: a bit per neuron and step, 3 bits per spike of 2 x 4 values; words of 32 bits."""
    timeline = phased()
    program, activity = timeline.program, timeline.activity
    stored = stored_outputs(program)
    bits = stored_bits(program, stored, SpikeCounts(activity, 4)).sum(axis=1)
    for at, part in enumerate(stored.part.tolist()):
        node = program.graph.nodes[program.node_names[program.parts.node[part]]]
        tokens = slice(program.parts.token_start[part], program.parts.token_stop[part])
        channels = slice(program.parts.out_start[part], program.parts.out_stop[part])
        if isinstance(node, MTNeurons):
            masks = activity.spikes[node.name].masks
            assert masks is not None
            fired = np.unpackbits(masks, axis=-1, count=node.shape[-1])
            fired = fired[:, :, channels, tokens] if node.is_map else fired[:, :, tokens, channels]
            for image in range(4):
                assert bits[image, at] == fired[:, image].size + 3 * np.count_nonzero(fired[:, image])
        else:
            keys = node.shape[2] if node.is_map else 1
            assert (bits[:, at] == 2 * 32 * (tokens.stop - tokens.start) * (channels.stop - channels.start) * keys).all()
    slow = phased(memories=Memories(dram=Dram(pj_per_bit=8.0, gbit_per_s=0.001, latency_ns=30.0))).phases
    assert slow is not None
    assert (slow.end_cycles > slow.work_end_cycles).any(), "where a phase moves more than it works, that is what it takes"


def test_a_buffer_takes_over_from_dram_where_it_is_large_enough() -> None:
    dram = Dram(pj_per_bit=8.0, gbit_per_s=0.4, latency_ns=30.0)
    large, small = (
        Memories(dram=dram, buffer=Buffer(width_bits=64, read_pj=1.0, write_pj=1.0, capacity_bits=bits, bits_per_cycle=1e6))
        for bits in (10**9, 10)
    )
    through, around = phased(memories=large), phased(memories=small)
    assert through.makespan_cycles < around.makespan_cycles
    assert any("memories.buffer holds 10:" in note for note in around.notes)
    assert not any("memories.buffer" in note for note in through.notes)


@pytest.mark.slow
def test_a_buffer_that_may_be_too_small_is_told_before_a_run() -> None:
    """Least: a bit per neuron; most: all fire. The schedule's own need lies between."""
    dram = Dram(pj_per_bit=8.0, gbit_per_s=0.4, latency_ns=30.0)

    def told(bits: int) -> tuple[Timeline, str | None]:
        buffer = Buffer(width_bits=64, read_pj=1.0, write_pj=1.0, capacity_bits=bits, bits_per_cycle=1e6)
        timeline = phased(memories=Memories(dram=dram, buffer=buffer))
        return timeline, handed_on_note(timeline.program)

    timeline, note = told(10)
    assert note is not None and "memories.buffer holds 10: what does not fit" in note
    least, most = (int(text.replace(",", "")) for text in re.findall(r"[\d,]+(?= to| bits for)", note))
    counts = SpikeCounts(timeline.activity, timeline.images)
    stored = stored_outputs(timeline.program)
    need = most_stored_bits(stored, stored_bits(timeline.program, stored, counts).sum(axis=1)) // timeline.activity.steps
    assert least < need < most
    assert told(most)[1] is None
    assert "what may not fit" in str(told(most - 1)[1])


def test_images_of_one_load_share_the_weights() -> None:
    alone, together = phased(), phased(images_per_load=4)
    assert alone.phases is not None and together.phases is not None
    assert alone.phases.phase.size == 4 * together.phases.phase.size
    assert together.phases.images.tolist() == [4] * together.program.phases
    assert together.makespan_cycles < alone.makespan_cycles
    ends = alone.phases.end_cycles.reshape(4, -1)[:, -1]
    assert alone.interval_cycles == (ends[3] - ends[0]) / 3
    assert together.interval_cycles == together.makespan_cycles / 4, "four images share one load, and all its phases"
    assert not any("images per load" in note for note in (*alone.notes, *together.notes))
    short = phased(images_per_load=3)
    assert any("takes 3 images per load of weights, the last load scheduled has 1" in note for note in short.notes)
    assert short.phases is not None
    assert short.interval_cycles == short.phases.end_cycles[-1] - short.phases.end_cycles[short.program.phases - 1]


def test_results_do_not_know_of_phases() -> None:
    """Spikes and logits of a chip that holds all, and of one that holds a part at a time."""
    graph = vit_graph(depth=2, tokens=4, width=8, heads=2, hidden=16, classes=3, n=4, patch=1, seed=3)
    whole = small_chip(
        mesh={"width": 8, "height": 8, "max_chips": 9}, synapse={"weight_memory_bits": 3200, "state_memory_bits": 6400}
    )
    images = np.random.default_rng(2).standard_normal((3, *first_image(graph)))
    programs = [map_graph(graph, chip) for chip in (whole, streamed(whole, 3, 3))]
    assert [program.phases > 1 for program in programs] == [False, True]
    for numeric in ("float64", "int8"):
        runs = [execute(program, images, 3, numeric=numeric) for program in programs]
        assert np.array_equal(runs[0].logits, runs[1].logits)
        for site in runs[0].spikes:
            assert np.array_equal(runs[0].spikes[site].events.sum(axis=(2, 3)), runs[1].spikes[site].events.sum(axis=(2, 3)))


def test_a_goal_on_a_chip_that_streams_its_weights_is_refused() -> None:
    graph = vit_graph(depth=1, tokens=4, width=8, heads=2, hidden=16, classes=3, n=4, patch=1, seed=3)
    with pytest.raises(InputError, match="goal is 'latency', chip 'small' streams its weights"):
        map_graph(graph, streamed(small_chip(), 3, 3), goal="latency")
