"""Are memory accesses what a chip's dataflow makes of the recorded spikes, and priced by the chip's own memories?"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import ProductUnit, Synapse
from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Buffer, Dataflow, Dram, Memories, Memory, Registers
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.schedule.naive import first_image

STEPS, IMAGES, TOKENS = 3, 2, 5
GRAPH = vit_graph(depth=1, tokens=TOKENS, width=8, heads=2, hidden=12, classes=3, n=3, patch=1, seed=5)
ROOMY = small_chip(
    mesh={"width": 6, "height": 6, "max_chips": 1},
    synapse={"weight_memory_bits": 6400, "state_memory_bits": 64000},
    ec={"state_memory_bits": 320000},
)


def machine(order: Any = "layer_major", block: int = 1, batch: int = 1, **changes: Any) -> Chip:
    """The chip with sums in registers."""
    flow = Dataflow(order, block, batch, "registers", STEPS if order == "layer_major" else 1)
    registers = Registers(words=2 * block * batch, update_pj=0.15, um2_per_bit=5.0)
    assert ROOMY.ec_core is not None
    return replace(
        ROOMY,
        synapse_core=replace(ROOMY.synapse_core, dataflow=flow, registers=registers),
        ec_core=replace(ROOMY.ec_core, dataflow=flow, registers=registers),
        **changes,
    )


def run(chip: Chip, keep: int = IMAGES) -> Activity:
    images = np.random.default_rng(1).standard_normal((IMAGES, *first_image(GRAPH))).astype(np.float32)
    return execute(map_graph(GRAPH, chip, placement="row_major"), images, STEPS, keep_spikes=keep)


def on(activity: Activity, chip: Chip) -> Activity:
    """The run as if the chip that it was mapped to had other memories."""
    return replace(activity, program=replace(activity.program, chip=chip))


def counts(report: EnergyReport, role: str, side: str = "snn") -> dict[str, int]:
    """Accesses of a role by node, over all images and steps."""
    found: dict[str, int] = {}
    for line in report.lines(accounting="memory", side=side):
        if line.role == role:
            found[line.node] = found.get(line.node, 0) + line.count
    return found


def fired(activity: Activity, site: str) -> np.ndarray:
    masks = activity.spikes[site].masks
    assert masks is not None
    return np.unpackbits(masks, axis=-1, count=activity.program.graph.nodes[site].shape[-1])


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["step_major", "layer_major"]), st.integers(1, TOKENS + 1), st.integers(1, STEPS))
def test_rows_are_fetched_once_for_the_block_and_batch_that_share_them(order: str, block: int, batch: int) -> None:
    """By hand: sets of (image, block, batch, channel), for every part of every synapse."""
    chip = machine(order, block, batch if order == "layer_major" else 1)
    batch = chip.synapse_core.dataflow.time_batch
    activity = run(chip)
    report = price(activity, chip)
    program = activity.program
    rows, updates = counts(report, "weight rows"), counts(report, "accumulator update")
    for node in (node for node in GRAPH.of_type(Synapse) if node.spiking):
        bits = fired(activity, node.inputs[0].node)
        fetches = accumulates = 0
        for part in program.parts_of(node.name).tolist():
            parts = program.parts
            first, outputs = int(parts.token_start[part]), int(parts.out_stop[part] - parts.out_start[part])
            own = bits[:, :, first : parts.token_stop[part], parts.in_start[part] : parts.in_stop[part]]
            met = {(image, token // block, step // batch, channel) for step, image, token, channel in np.argwhere(own).tolist()}
            fetches += len(met) * ceil(outputs * chip.synapse_core.weight_bits / 64)
            accumulates += int(own.sum()) * outputs
        assert rows[node.name] == fetches
        assert updates[node.name] == accumulates, "one register update per accumulate"
    assert not counts(report, "accumulator read")


def test_products_go_query_by_query_and_fetch_rows_once_per_block_and_step() -> None:
    chip = machine(block=2, batch=3)
    activity = run(chip)
    report = price(activity, chip)
    rows, updates = counts(report, "operand row"), counts(report, "product accumulator update")
    for node in GRAPH.of_type(ProductUnit):
        a, b = (fired(activity, port.node) for port in node.inputs)
        columns = node.keys if node.form == "qk" else node.head_width
        lines = a[:, :, None] if node.form == "qk" else a
        met = {(step, image, head, token // 2, channel) for step, image, head, token, channel in np.argwhere(lines).tolist()}
        assert rows[node.name] == len(met) * ceil(columns * 32 / 64)
        assert updates[node.name] == int(a.sum()) * columns + int(b[1:].sum()) * node.tokens


def test_in_layer_major_order_no_state_is_read_or_written() -> None:
    report = price(run(machine(block=2)), machine(block=2))
    roles = {line.role for line in report.lines(accounting="memory")}
    assert not roles & {"membrane read", "membrane write", "EC state read", "EC state write", "operand load"}
    assert {"state update", "register read-out"} <= roles
    kept = {line.role for line in price(run(machine("step_major", 2)), machine("step_major", 2)).lines(accounting="memory")}
    assert {"membrane read", "EC state write", "operand load"} <= kept


def test_events_are_written_once_and_read_once_per_pass_and_block() -> None:
    """By hand: 28 + 1 + 2 bits per spike in accesses of 62 bits, 2 lanes, 2 multipliers."""
    buffer = Memory(width_bits=62, read_pj=1.0, write_pj=2.0)
    chip = machine(block=2, memories=Memories(event_buffer=buffer))
    assert chip.ec_core is not None
    chip = replace(
        chip,
        synapse_core=replace(chip.synapse_core, lanes_per_cycle=2),
        ec_core=replace(chip.ec_core, multipliers_per_cycle=2),
        noc=replace(chip.noc, spike_header_bits=28),
    )
    activity = run(chip)
    report = price(activity, chip)
    priced = {line.role: (line.op, line.price.pj) for line in report.lines(accounting="memory") if line.role.startswith("event")}
    assert priced == {"event write": ("event buffer write", 2.0), "event read": ("event buffer read", 1.0)}
    node = next(node for node in GRAPH.of_type(Synapse) if node.spiking)
    bits, parts = fired(activity, node.inputs[0].node), activity.program.parts
    written = read = 0
    for part in activity.program.parts_of(node.name).tolist():
        own = bits[:, :, parts.token_start[part] : parts.token_stop[part], parts.in_start[part] : parts.in_stop[part]]
        events = own.sum(axis=(1, 2, 3), dtype=np.int64)
        passes = ceil((parts.out_stop[part] - parts.out_start[part]) / 2)
        written += int((-(-events * 31 // 62)).sum())
        read += int((-(-events * passes * 31 // 62)).sum())
    assert counts(report, "event write")[node.name] == written
    assert counts(report, "event read")[node.name] == read


def test_memories_are_priced_by_their_own_figures() -> None:
    own = Memories(
        weight=Memory(width_bits=128, read_pj=3.25, write_pj=4.5),
        ec_state=Memory(width_bits=64, flavour="itrs-lstp", bank_bits=32768),
    )
    chip = replace(ROOMY, memories=own)
    activity = run(chip)
    report, plain = price(activity, chip), price(activity, ROOMY)
    prices = report.additions["memory"].snn.prices
    assert prices["weight read"].pj == 3.25
    assert (prices["ec read"].pj, prices["ec write"].pj) == (3.38552, 6.45356)
    assert "CACTI 7, 45 nm, itrs-lstp, 64 bits per access, 4 KiB" in prices["ec read"].source
    assert "weight access" not in prices or not any(
        line.op == "weight access" for line in report.lines(accounting="memory") if line.count
    )
    spiking = [node.name for node in GRAPH.of_type(Synapse) if node.spiking]
    wide, narrow = counts(report, "weight rows"), counts(plain, "weight rows")
    assert all(wide[name] <= narrow[name] for name in spiking) and any(wide[name] < narrow[name] for name in spiking)


def test_phases_pay_for_their_weights_and_for_what_they_hand_on() -> None:
    chip = streamed()
    dram = chip.memories.dram
    activity = run(chip)
    assert activity.program.phases > 1
    report = price(activity, chip)
    weights = int(activity.program.cores.weight_bits_used.sum())
    assert counts(report, "weights in") == {"(chip)": weights * IMAGES}
    assert counts(report, "weights in", "ann") == {"(chip)": weights}
    assert sum(counts(report, "read from earlier phases").values()) >= sum(counts(report, "stored for later phases").values()) > 0
    shared = replace(chip, images_per_load=2)
    assert counts(price(replace(activity, program=replace(activity.program, chip=shared)), shared), "weights in") == {
        "(chip)": weights
    }
    buffer = Buffer(width_bits=64, read_pj=1.0, write_pj=1.0, capacity_bits=10**9, bits_per_cycle=64.0)
    through = replace(chip, memories=Memories(dram=dram, buffer=buffer))
    lines = price(on(activity, through), through).lines(accounting="memory")
    assert {line.op for line in lines if line.role == "stored for later phases"} == {"buffer write"}


def test_results_do_not_know_of_the_dataflow() -> None:
    runs = [run(chip) for chip in (ROOMY, machine("step_major", 2), machine(block=2, batch=3))]
    for other in runs[1:]:
        assert np.array_equal(runs[0].logits, other.logits)


def test_row_fetches_of_all_images_are_priced_whatever_was_kept() -> None:
    chip = machine(block=2, batch=3)
    kept, forgotten = run(chip), run(chip, keep=0)
    for name, fetched in kept.fetches.items():
        assert np.array_equal(fetched.rows, forgotten.fetches[name].rows)
    exact, report = (price(activity, chip).additions["memory"].snn for activity in (kept, forgotten))
    assert np.array_equal(exact.count, report.count)


def test_on_another_dataflow_a_run_that_kept_no_spikes_cannot_say_which_tokens_share() -> None:
    with pytest.raises(
        InputError, match=r"3 tokens x 1 steps share the rows of .* executed for another\s+dataflow .*keep_spikes=1"
    ):
        price(run(machine(block=2), keep=0), machine(block=3))


def test_on_another_dataflow_what_was_kept_stands_for_all_and_the_report_says_so() -> None:
    chip = machine(block=2)
    told = [
        any("row fetches are those of the 1 images whose spikes were kept" in note for note in price(activity, priced).notes)
        for activity, priced in ((run(chip, keep=1), machine(block=3)), (run(chip, keep=1), chip), (run(chip), machine(block=3)))
    ]
    assert told == [True, False, False]


def test_a_run_longer_than_the_memories_between_layers_hold_is_refused() -> None:
    chip = machine(block=2)
    images = np.zeros((1, *first_image(GRAPH)), np.float32)
    with pytest.raises(InputError, match="steps is 4, chip 'small' works layer-major and holds 3 steps"):
        execute(map_graph(GRAPH, chip, placement="row_major"), images, STEPS + 1)


def test_memories_that_state_their_leakage_leak_apart() -> None:
    """Banks of every core, and of the shared buffer once a chip, for every cycle, on both sides."""
    buffer = Buffer(
        width_bits=64, read_pj=1.0, write_pj=1.0, capacity_bits=10_000, bits_per_cycle=64.0, bank_bits=4_000, leakage_uw=7.0
    )
    weight = Memory(width_bits=64, read_pj=1.0, write_pj=1.0, bank_bits=3_200, leakage_uw=2.0)
    state = Memory(width_bits=64, flavour="itrs-hp", bank_bits=32_000)
    plain, chip = machine(), machine(memories=Memories(buffer=buffer, weight=weight, state=state))
    activity = run(chip)
    timeline = schedule(activity)
    lines = price(activity, chip, timeline=timeline).additions["static"]
    tiles = chip.mesh.tiles
    cores = tiles * chip.mesh.synapse_cores_per_tile
    banks = {"weight leakage": 2 * cores, "state leakage": 2 * cores, "buffer leakage": 3}
    for bill in (lines.snn, lines.ann):
        found = {line.op: line for line in bill.merged_over_cores().lines() if line.role == "memories"}
        routers = next(line.count for line in bill.merged_over_cores().lines() if line.role == "routers") // tiles
        assert {op: line.count for op, line in found.items()} == {op: count * routers for op, count in banks.items()}
        assert found["weight leakage"].price.pj == 2.0 / chip.clock_mhz
        assert "itrs-hp" in found["state leakage"].price.source
    before = price(on(activity, plain), plain, timeline=schedule(on(activity, plain)))
    assert not [line for line in before.lines(accounting="static") if line.role == "memories"]


def test_no_line_of_a_phased_chip_counts_below_zero() -> None:
    """Cores of all phases outnumber the seats that leak."""
    chip = streamed()
    activity = run(chip)
    report = price(activity, chip, timeline=schedule(activity))
    for side in ("snn", "ann"):
        assert min(line.count for line in report.lines(accounting="static", side=side)) > 0


def streamed(**memories: Any) -> Chip:
    """The roomy chip's figures on a single tile."""
    dram = Dram(pj_per_bit=8.0, gbit_per_s=10.0, latency_ns=100.0)
    mesh = replace(ROOMY.mesh, width=1, height=1)
    return replace(ROOMY, mesh=mesh, weights="streamed", memories=Memories(dram=dram, **memories))


@pytest.mark.parametrize("through", [None, 10**9])
def test_what_is_priced_between_phases_is_what_is_scheduled(through: int | None) -> None:
    buffer = through and Buffer(width_bits=64, read_pj=1.0, write_pj=1.0, capacity_bits=through, bits_per_cycle=64.0)
    chip = streamed(buffer=buffer)
    activity = run(chip)
    timeline = schedule(activity, images=IMAGES)
    report = price(activity, chip, timeline=timeline)
    phases = timeline.phases
    assert phases is not None and phases.loaded_bits.sum() == sum(counts(report, "weights in").values())
    if buffer is None:
        handed = [sum(counts(report, role).values()) for role in ("stored for later phases", "read from earlier phases")]
        assert phases.moved_bits.sum() == sum(handed)
    for name, lost in (("loaded_bits", "weights in"), ("moved_bits", "between phases")):
        column = getattr(phases, name).copy()
        column[np.flatnonzero(column)[0]] += 10**6
        with pytest.raises(ConservationError, match=lost):
            price(activity, chip, timeline=replace(timeline, phases=replace(phases, **{name: column})))
