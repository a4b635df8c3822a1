"""Does padding change nothing: not a spike, not the embedding, not a count, on the reference and on the cores?"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.graph import ProductUnit, SpikingGraph, at_length
from synaptile.conversion.spikezip import calibrate_spikezip, qann_levels
from synaptile.conversion.text.tokens import Tokens
from synaptile.energy import price
from synaptile.foundation.options import FinitePresentation, MethodName
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import Activity, execute, reference, schedule
from synaptile.simulator.storage import load_activity, save_activity
from tests.simulator.runs import CHIPS, execute_keeping_spikes, splitting_chip
from tests.text.small_encoders import lowered, sentences

TOKENS = 6
STEPS = 4


@cache
def converted(method: MethodName, seed: int = 0) -> SpikingGraph:
    graph, calibration = lowered(TOKENS, 2, seed), sentences([6, 5, 4, 3, 2, 6, 6, 4], seed=seed + 9)
    return calibrate(graph, calibration) if method == "ecmt" else calibrate_spikezip(graph, calibration)


@cache
def program_of(method: MethodName, chip: str, length: int | None = None, seed: int = 0) -> CoreProgram:
    graph = converted(method, seed)
    return map_graph(graph if length is None else at_length(graph, length), CHIPS[chip](), anneal_moves=5)


def alone(batch: Tokens, i: int) -> Tokens:
    length = int(batch.lengths[i])
    return Tokens(batch.ids[i : i + 1, :length], batch.mask[i : i + 1, :length])


def totals(activity: Activity) -> dict[tuple[str, int], list[int]]:
    """Operations by role and op, whatever the core."""
    table = activity.operations
    found: dict[tuple[str, int], np.ndarray] = {}
    for role, op, count in zip(table.role, table.op, table.count, strict=True):
        key = (table.roles[role], int(op))
        found[key] = found.get(key, 0) + count
    return {key: count.tolist() for key, count in found.items() if count.any()}


lengths_of_a_batch = st.lists(st.integers(1, TOKENS), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(lengths_of_a_batch, st.integers(0, 2), st.sampled_from(["ecmt", "spikezip"]))
def test_reference_and_ann_of_a_padded_batch_are_those_of_each_sentence_alone(
    lengths: list[int], seed: int, method: MethodName
) -> None:
    graph, batch = converted(method, seed), sentences(lengths, seed, width=TOKENS)
    run, answers = reference(graph, batch, STEPS), ann_forward(graph, batch)
    for i, length in enumerate(lengths):
        single = reference(at_length(graph, length), alone(batch, i), STEPS)
        assert np.array_equal(run.logits[:, i], single.logits[:, 0])
        np.testing.assert_allclose(answers[i], ann_forward(at_length(graph, length), alone(batch, i))[0], rtol=0, atol=1e-14)
        for site, values in single.spikes.items():
            real = tuple(map(slice, values.shape[2:]))
            assert np.array_equal(run.spikes[site][:, i][(slice(None), *real)], values[:, 0])
            assert np.count_nonzero(run.spikes[site][:, i]) == np.count_nonzero(values)  # and nowhere else


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(lengths_of_a_batch, st.sampled_from(["ecmt", "spikezip"]))
def test_a_padded_batch_on_cores_is_each_sentence_alone_on_cores_made_for_it(lengths: list[int], method: MethodName) -> None:
    batch = sentences(lengths, width=TOKENS)
    activity = execute(program_of(method, "roomy"), batch, STEPS, "float64", keep_spikes=len(lengths))
    assert activity.lengths is not None and activity.lengths.tolist() == lengths
    counted: dict[tuple[str, int], list[int]] = {}
    for i, length in enumerate(lengths):
        single = execute(program_of(method, "roomy", length), alone(batch, i), STEPS, "float64", keep_spikes=1)
        assert np.array_equal(activity.logits[:, i], single.logits[:, 0])
        assert np.array_equal(activity.accounting.eq30[:, :, i], single.accounting.eq30[:, :, 0])
        assert np.array_equal(activity.accounting.released[:, :, i], single.accounting.released[:, :, 0])
        for site, record in single.spikes.items():
            tokens = record.events.shape[2]
            assert np.array_equal(activity.spikes[site].events[:, i, :tokens], record.events[:, 0])
            assert not activity.spikes[site].events[:, i, tokens:].any()
        for key, count in totals(single).items():
            counted[key] = [a + b for a, b in zip(counted.get(key, [0] * STEPS), count, strict=True)]
    assert totals(activity) == counted


@pytest.mark.parametrize("chip", ["splitting", "replicating"])
@pytest.mark.parametrize("method", ["ecmt", "spikezip"])
def test_every_mapping_gives_the_spikes_of_the_reference(chip: str, method: MethodName) -> None:
    graph, batch = converted(method), sentences([2, 6, 1, 3, 3], width=TOKENS)
    expected = reference(graph, batch, STEPS)
    activity, spikes = execute_keeping_spikes(program_of(method, chip), batch, STEPS, "float64")
    for site, values in expected.spikes.items():
        assert np.array_equal(spikes[site] != 0, values != 0), site
    np.testing.assert_allclose(activity.logits, expected.logits, rtol=0, atol=1e-12)
    for i, node in enumerate(activity.accounting.nodes):
        assert np.array_equal(activity.accounting.eq30[i], expected.eq30[node])
        assert np.array_equal(activity.accounting.released[i], expected.released[node])


def test_int8_is_the_same_to_the_last_bit_on_cores_and_reference() -> None:
    graph, batch = converted("ecmt"), sentences([2, 6, 3], width=TOKENS)
    expected = reference(graph, batch, STEPS, "int8")
    for chip in CHIPS:
        assert np.array_equal(execute(program_of("ecmt", chip), batch, STEPS, "int8").logits, expected.logits)


@pytest.mark.slow
@pytest.mark.parametrize("chip", list(CHIPS))
def test_a_batch_is_billed_as_the_mean_of_its_sentences(chip: str) -> None:
    batch, program = sentences([2, 6, 1, 3, 3], width=TOKENS), program_of("ecmt", chip)
    bill = price(execute(program, batch, STEPS), program.chip)
    singles = [price(execute(program, alone(batch, i), STEPS), program.chip) for i in range(5)]
    for name in ("eq30", "released", "executed", "memory", "noc"):
        both, apart = bill.comparison(name), [single.comparison(name) for single in singles]
        np.testing.assert_allclose(both.snn_pj, np.mean([one.snn_pj for one in apart], axis=0), rtol=1e-12)
        np.testing.assert_allclose(both.ann_pj, np.mean([one.ann_pj for one in apart]), rtol=1e-12)
    short, long = singles[2].comparison("executed"), singles[1].comparison("executed")
    assert short.ann_pj < long.ann_pj / 3 and short.snn_pj[-1] < long.snn_pj[-1] / 3


@pytest.mark.parametrize("chip", ["splitting", "replicating"])
def test_flits_are_those_of_the_messages_that_a_schedule_of_real_tokens_sends(chip: str) -> None:
    program = program_of("ecmt", chip)
    activity = execute(program, sentences([2], width=TOKENS), STEPS)
    counted, scheduled = price(activity, program.chip), price(activity, program.chip, timeline=schedule(activity))
    for side in ("snn", "ann"):
        lines = [report.lines(accounting="noc", side=side, through=None) for report in (counted, scheduled)]
        hops = [sum(line.count for line in found if line.op == "flit hop") for found in lines]
        assert hops[0] == hops[1] > 0


@pytest.mark.parametrize("method", ["ecmt", "spikezip"])
def test_a_part_that_no_sentence_reaches_does_nothing(method: MethodName) -> None:
    program = map_graph(converted(method), splitting_chip(ec_words=60), anneal_moves=5)
    products = [int(part) for node in program.graph.of_type(ProductUnit) for part in program.parts_of(node.name)]
    idle = [part for part in products if program.parts.token_start[part] >= 2]
    assert idle
    batch = sentences([2, 1, 2], width=TOKENS)
    activity = execute(program, batch, STEPS, keep_spikes=3)
    parts, table = program.parts, activity.operations
    idle_cores = {(int(parts.core[p]), int(parts.node[p])) for p in idle}
    idle_cores -= {(int(parts.core[p]), int(parts.node[p])) for p in products if p not in idle}
    assert idle_cores and not idle_cores & set(zip(table.core.tolist(), table.node.tolist(), strict=True))
    for synchronisation in ("barrier", "dataflow"):
        assert price(activity, program.chip, timeline=schedule(activity, synchronisation=synchronisation)).top == "static"


@pytest.mark.slow
@pytest.mark.parametrize("chip", list(CHIPS))
@pytest.mark.parametrize("synchronisation", ["barrier", "dataflow"])
def test_a_schedule_streams_sentences_of_one_length_and_loses_nothing(chip: str, synchronisation: str) -> None:
    batch, program = sentences([2, 2, 6, 1], width=TOKENS), program_of("ecmt", chip)
    activity = execute(program, batch, STEPS, keep_spikes=4)
    timeline = schedule(activity, images=2, synchronisation=synchronisation)
    price(activity, program.chip, timeline=timeline)
    assert set(timeline.jobs.token.tolist()) <= {-1, 0, 1}
    whole = schedule(execute(program, batch[2:3], STEPS), synchronisation=synchronisation)
    assert whole.makespan_cycles > schedule(activity, synchronisation=synchronisation).makespan_cycles
    other = schedule(activity, CHIPS["roomy" if chip != "roomy" else "splitting"](), synchronisation=synchronisation)
    assert other.remapped


def test_a_run_of_sentences_survives_its_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    activity = execute(program_of("ecmt", "roomy"), sentences([2, 6, 1], width=TOKENS), STEPS)
    save_activity(activity, tmp_path)
    loaded = load_activity(tmp_path)
    assert loaded.lengths is not None and loaded.lengths.tolist() == [2, 6, 1]
    assert price(loaded, loaded.program.chip).ratio() == price(activity, activity.program.chip).ratio()


@pytest.mark.slow
@pytest.mark.parametrize("presentation", ["analog", "rate"])
def test_the_settled_network_is_the_quantised_one(presentation: FinitePresentation) -> None:
    graph = calibrate_spikezip(lowered(TOKENS, 2), sentences([6, 5, 4, 3, 2, 6], seed=9), levels=16, presentation=presentation)
    batch = sentences([3, 6, 1, 4], width=TOKENS)
    logits, levels = qann_levels(graph, batch)
    program = map_graph(graph, CHIPS["roomy"](), anneal_moves=5)
    activity, spikes = execute_keeping_spikes(program, batch, 80, "float64")
    run = reference(graph, batch, 80)
    for found, settled, embeddings in (
        (spikes, activity.settled, activity.logits[-1]),
        (run.spikes, run.settled, run.logits[-1]),
    ):
        assert settled is not None and settled.all()
        for site in graph.sites:
            counts = np.rint(found[site.name] / site.theta1).astype(np.int64).sum(axis=0)
            assert np.array_equal(counts, levels[site.name]), site.name
        np.testing.assert_allclose(embeddings, logits, rtol=0, atol=1e-9)
