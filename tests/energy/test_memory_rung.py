"""Are memory accesses those that spikes, tokens and rows make, counted again by hand, on both sides?"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.simulator.activity import Activity, SpikeRecord
from tests.energy.hand_made import activity as partless
from tests.energy.hand_timeline import IMAGES, STEPS, board_chip, mapped_run

FC2, QKV, QK, SV = "blocks.0.mlp.fc2", "blocks.0.attn.qkv", "blocks.0.attn.qk", "blocks.0.attn.sv"
TOKENS, CHANNELS, HIDDEN, HEADS, WIDTH = 5, 8, 16, 2, 4


@pytest.fixture(scope="module")
def report() -> EnergyReport:
    return price(mapped_run(), board_chip())


def count(report: EnergyReport, node: str, role: str, *, side: str = "snn") -> int:
    """Accesses of one node in one role, over all cores, steps and images."""
    return sum(line.count for line in report.lines(node=node, accounting="memory", side=side) if line.role == role)


def spikes(report: EnergyReport, site: str, steps: slice = slice(None)) -> int:
    return int(report.activity.spikes[site].events[steps].sum())


def test_an_event_fetches_one_row_of_weights_and_updates_one_row_of_accumulators(report: EnergyReport) -> None:
    # Every core holds one output of qkv: each spike reaches 24 cores, and a row of one 32-bit word takes one access there.
    reached = 24 * spikes(report, f"{QKV}.in")
    assert count(report, QKV, "weight rows") == count(report, QKV, "accumulator read") == reached > 0
    assert count(report, QKV, "accumulator write") == reached
    assert count(report, QKV, "bias read") == 24 * TOKENS * STEPS * IMAGES
    assert count(report, QKV, "accumulator clear") == 2 * 24 * TOKENS * STEPS * IMAGES, "two sets on a core that shifts"


def test_a_synapse_split_over_its_input_pays_for_partial_sums(report: EnergyReport) -> None:
    assert count(report, FC2, "partial sum read") == 2 * CHANNELS * TOKENS * STEPS * IMAGES
    assert count(report, FC2, "bias read") == CHANNELS * TOKENS * STEPS * IMAGES, "only the owner holds the bias"
    assert count(report, FC2, "weight rows") == CHANNELS * spikes(report, f"{FC2}.in"), "each spike reaches one of two halves"


def test_a_product_reads_a_row_of_the_other_operand_for_each_event(report: EnergyReport) -> None:
    q, k = spikes(report, "blocks.0.attn.q"), spikes(report, "blocks.0.attn.k")
    later = spikes(report, "blocks.0.attn.k", slice(1, None))
    row, queries = ceil(TOKENS * 32 / 64), HEADS * TOKENS * (STEPS - 1) * IMAGES
    assert count(report, QK, "operand row") == q * row
    assert count(report, QK, "product accumulator write") == q * row + later * TOKENS
    assert count(report, QK, "operand load") == queries * ceil(WIDTH * 32 / 64)
    assert count(report, QK, "operand sum read") == q + k
    assert count(report, QK, "EC state write") == HEADS * TOKENS * row * STEPS * IMAGES
    a, v = spikes(report, "blocks.0.attn.softmax.out"), spikes(report, "blocks.0.attn.v", slice(1, None))
    assert count(report, SV, "operand row") == a * ceil(WIDTH * 32 / 64)
    assert count(report, SV, "product accumulator read") == a * ceil(WIDTH * 32 / 64) + v * TOKENS
    assert count(report, SV, "operand load") == queries * row


def test_state_that_is_touched_every_step_is_read_and_written_every_step(report: EnergyReport) -> None:
    every = TOKENS * STEPS * IMAGES
    stream = CHANNELS * 32 // 64
    assert count(report, f"{QKV}.in", "membrane read") == every * stream
    assert count(report, "blocks.0.norm1", "EC state read") == 2 * every * stream
    assert count(report, "blocks.0.norm1", "parameters") == 2 * every * stream
    assert count(report, "blocks.0.add1", "residual write") == every * stream
    assert count(report, "readout", "sum read") == ceil(3 * 32 / 64) * STEPS * IMAGES


def test_the_ann_fetches_a_row_for_every_activation_and_keeps_no_membranes(report: EnergyReport) -> None:
    assert count(report, QKV, "weight rows", side="ann") == 24 * CHANNELS * TOKENS
    assert count(report, FC2, "accumulator write", side="ann") == CHANNELS * HIDDEN * TOKENS
    assert count(report, QK, "operand row", side="ann") == HEADS * TOKENS * WIDTH * ceil(TOKENS * 32 / 64)
    assert count(report, QK, "operand write", side="ann") == HEADS * TOKENS * WIDTH
    assert count(report, "blocks.0.norm1", "activation read", side="ann") == TOKENS * CHANNELS * 32 // 64
    roles = {line.role for line in report.lines(accounting="memory", side="ann")}
    assert not roles & {"membrane read", "EC state read", "operand sum read"}


def test_the_dense_front_end_costs_both_sides_the_same(report: EnergyReport) -> None:
    for role in ("dense weight rows", "dense accumulator read"):
        assert count(report, "patch_embed", role) == IMAGES * count(report, "patch_embed", role, side="ann") > 0


def test_the_rung_is_the_one_below_and_what_it_adds(report: EnergyReport) -> None:
    executed, memory, added = (report.comparison("executed"), report.comparison("memory"), report.additions["memory"])
    assert memory.snn_pj == pytest.approx(executed.snn_pj + added.snn_pj, rel=1e-12)
    assert memory.ann_pj == pytest.approx(executed.ann_pj + added.ann_pj, rel=1e-12)
    for line in report.lines(accounting="memory", node=QKV):
        assert line.energy_pj == pytest.approx(line.count * (line.price.pj or 0.0) / IMAGES)
        assert line.price.source


@pytest.mark.parametrize("key", ["rung", "node", "core", "step"])
def test_every_split_sums_to_the_whole(report: EnergyReport, key: str) -> None:
    for accounting in ("executed", "memory", "noc"):
        for step in (1, STEPS):
            pieces = report.split(key, accounting=accounting, step=step)
            assert sum(piece.snn_pj for piece in pieces) == pytest.approx(
                report.comparison(accounting).snn_pj[step - 1], rel=1e-9
            )
            assert sum(piece.share for piece in pieces) == pytest.approx(1.0, rel=1e-9)


def test_one_recorded_spike_more_than_was_executed_is_caught() -> None:
    run = mapped_run()
    site = f"{QKV}.in"
    record = run.spikes[site]
    events = record.events.copy()
    events[1, 0, 2, 0] += 1
    with pytest.raises(ConservationError, match=r"'synapse rows' of node 'blocks.0.attn.qkv'.*step 2"):
        price(_with_record(run, site, replace(record, events=events)), board_chip())


def test_a_record_that_does_not_part_where_the_network_is_cut_is_caught() -> None:
    run = mapped_run()
    record = run.spikes[f"{FC2}.in"]
    merged = replace(record, events=record.events.sum(axis=3, keepdims=True), bounds=np.array([0, HIDDEN]))
    with pytest.raises(ConservationError, match="do not part"):
        price(_with_record(run, f"{FC2}.in", merged), board_chip())


def test_a_token_block_saves_fetches_on_both_sides_and_leaves_accumulates() -> None:
    run, chip = mapped_run(), board_chip()
    flow = replace(chip.synapse_core.dataflow, token_block=TOKENS)
    single, shared = price(run, chip), price(run, replace(chip, synapse_core=replace(chip.synapse_core, dataflow=flow)))
    assert count(shared, QKV, "weight rows", side="ann") == 24 * CHANNELS
    assert count(shared, QKV, "weight rows") < count(single, QKV, "weight rows")
    assert count(shared, QKV, "accumulator read") == count(single, QKV, "accumulator read")


def test_an_accumulate_that_holds_its_memory_is_not_charged_twice() -> None:
    chip = board_chip()
    core = replace(chip.synapse_core, memory_in_ac=True)
    own = replace(chip, synapse_core=core, operation_pj={"ac": {"fp32": 23.6}})
    report = price(mapped_run(), own)
    assert count(report, QKV, "weight rows") == count(report, QKV, "accumulator read") == 0 < count(report, QKV, "bias read")
    assert any("holds its memory accesses" in note for note in report.notes)
    assert count(price(mapped_run(), replace(own, operation_pj={})), QKV, "weight rows") > 0, "Horowitz' accumulate holds none"


def test_a_program_without_parts_stops_at_what_was_executed() -> None:
    report = price(partless(), board_chip())
    assert set(report.missing) == {"memory", "noc", "static"} and report.top == "executed"
    with pytest.raises(InputError, match="places no part"):
        report.ratio("memory")


def test_int8_runs_count_the_same_way() -> None:
    report = price(mapped_run(numeric="int8"), board_chip())
    assert count(report, QKV, "weight rows") == 24 * spikes(report, f"{QKV}.in")


def _with_record(run: Activity, site: str, record: SpikeRecord) -> Activity:
    return replace(run, spikes={**run.spikes, site: record})
