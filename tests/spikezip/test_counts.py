"""Are ternary runs counted as the reference counts them, priced, scheduled, kept and bounded?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import (
    Add,
    ECUnit,
    ImageSource,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
)
from synaptile.energy import price
from synaptile.foundation.types import Array
from synaptile.mapper import map_graph
from synaptile.mapper.footprint import neuron_footprint
from synaptile.mapper.program import CoreKind
from synaptile.simulator import OPS, Activity, SpikeRecord, execute, reference, schedule
from synaptile.simulator.settling import settled_steps
from synaptile.simulator.storage import load_activity, save_activity
from synaptile.studies.dataset.counts import executed_by_image
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.simulator.runs import CHIPS, execute_keeping_spikes
from tests.spikezip.networks import images_of, small_qann

STEPS, IMAGES = 12, 2


@pytest.fixture(scope="module", params=CHIPS)
def run(request: pytest.FixtureRequest) -> tuple[Activity, dict[str, Array]]:
    graph = small_qann()
    program = map_graph(graph, CHIPS[request.param](), anneal_moves=50)
    return execute_keeping_spikes(program, images_of(graph, IMAGES), STEPS, "float64", keep_spikes=IMAGES)


def issued(activity: Activity, node: str, role: str, op: str) -> list[int]:
    """Operations of one node, role and kind at each step, over all cores."""
    table = activity.operations
    if role not in table.roles:
        return [0] * activity.steps
    rows = (table.node == activity.program.node_names.index(node)) & (table.role == table.roles.index(role))
    return [int(count) for count in table.count[rows & (table.op == OPS.index(op))].sum(axis=0)]


@pytest.mark.slow
def test_spikes_and_both_accountings_are_those_of_the_reference(run: tuple[Activity, dict[str, Array]]) -> None:
    activity, spikes = run
    graph = activity.program.graph
    expected = reference(graph, images_of(graph, IMAGES), STEPS)
    for site, values in expected.spikes.items():
        np.testing.assert_array_equal(spikes[site], values, err_msg=site)
    for row, node in enumerate(activity.accounting.nodes):
        np.testing.assert_array_equal(activity.accounting.eq30[row], expected.eq30[node], err_msg=node)
        np.testing.assert_array_equal(activity.accounting.released[row], expected.released[node], err_msg=node)
    np.testing.assert_allclose(activity.logits, expected.logits, rtol=0, atol=1e-12)


def test_a_linear_accumulates_spikes_times_fan_out_and_its_bias_once(run: tuple[Activity, dict[str, Array]]) -> None:
    activity, spikes = run
    for node in activity.program.graph.of_type(Synapse):
        fired = (spikes[node.inputs[0].node] != 0).reshape(STEPS, -1).sum(axis=1)
        assert issued(activity, node.name, "synapse rows", "ac") == (fired * node.width).tolist()
        bias = issued(activity, node.name, "bias", "add")
        assert bias == [node.size * IMAGES] + [0] * (STEPS - 1)


def test_a_neuron_resets_and_traces_once_a_spike(run: tuple[Activity, dict[str, Array]]) -> None:
    activity, spikes = run
    for site in activity.program.graph.of_type(STBIFNeurons):
        fired = (spikes[site.name] != 0).reshape(STEPS, -1).sum(axis=1).tolist()
        for role in ("soft reset", "tracer"):
            assert issued(activity, site.name, role, "add") == fired
        assert issued(activity, site.name, "threshold compare", "compare") == [4 * site.size * IMAGES] * STEPS
        assert activity.spikes[site.name].histogram.shape == (STEPS, 2)
        assert activity.spikes[site.name].histogram.sum(axis=1).tolist() == fired


def test_units_evaluate_at_every_step_without_a_clock(run: tuple[Activity, dict[str, Array]]) -> None:
    activity, _ = run
    graph = activity.program.graph
    for unit in graph.of_type(ECUnit):
        for role, op in (("EC accumulate", "add"), ("expectation", "add")):
            assert issued(activity, unit.name, role, op) == [unit.size * IMAGES] * STEPS
        assert not any(issued(activity, unit.name, "mean", "mul")) and not any(issued(activity, unit.name, "expectation", "mul"))
        assert set(issued(activity, unit.name, "function", "mul")) != {0}
    for product in graph.of_type(ProductUnit):
        assert issued(activity, product.name, "pass sum", "add") == [0] + [product.size * IMAGES] * (STEPS - 1)
        assert not any(issued(activity, product.name, "expectation", "mul"))


def test_it_is_priced_scheduled_and_split_by_image(run: tuple[Activity, dict[str, Array]]) -> None:
    activity, _ = run
    chip = activity.program.chip
    timeline = schedule(activity, chip)  # conservation of operations and spikes is checked there
    report = price(activity, chip, timeline=timeline)
    ratios = [report.ratios(name) for name in report.comparisons]
    assert all((np.diff(ratio) >= 0).all() and ratio[0] > 0 for ratio in ratios)
    total = np.zeros((len(OPS), STEPS), np.int64)
    np.add.at(total, activity.operations.op, activity.operations.count)
    np.testing.assert_array_equal(executed_by_image(activity).sum(axis=2), total)


@pytest.mark.slow
def test_settled_steps_are_kept_in_the_run_file(tmp_path: Any) -> None:
    graph = small_qann()
    program = map_graph(graph, CHIPS["roomy"](), anneal_moves=50)
    activity = execute(program, images_of(graph, 3), 70, "float64")
    assert activity.settled is not None and activity.settled.min() > 5
    save_activity(activity, tmp_path)
    np.testing.assert_array_equal(load_activity(tmp_path).settled, activity.settled)


def test_a_settled_network_issues_no_accumulate() -> None:
    graph = small_qann()
    activity = execute(map_graph(graph, CHIPS["roomy"](), anneal_moves=50), images_of(graph, 2), 70, "float64")
    assert activity.settled is not None
    rest = int(activity.settled.max()) - 1
    acs = activity.operations.count[activity.operations.op == OPS.index("ac")].sum(axis=0)
    assert acs[rest - 1] > 0 and not acs[rest:].any()
    assert not activity.accounting.released[:, rest:].any()
    np.testing.assert_array_equal(activity.logits[rest:], np.broadcast_to(activity.logits[-1], activity.logits[rest:].shape))


def test_what_enters_once_is_read_once_and_tracers_at_every_step() -> None:
    for presentation, shown in (("analog", 0), ("rate", 7)):
        graph = small_qann(1, 8, presentation)
        activity = execute(map_graph(graph, CHIPS["roomy"](), anneal_moves=50), images_of(graph, 1), STEPS, "float64")
        bill = price(activity, activity.program.chip).comparison("memory").snn
        steps = {role: bill.count[bill.role == bill.roles.index(role)].sum(axis=0) > 0 for role in bill.roles}
        first = [True] + [False] * (STEPS - 1)
        assert steps["bias read"].tolist() == steps["constant read"].tolist() == steps["current write"].tolist() == first
        read = steps.get("current read", np.zeros(STEPS, np.bool_))
        assert read.tolist() == [0 < t <= shown for t in range(STEPS)]
        assert steps["tracer read"].all() and steps["tracer write"].all() and steps["EC state read"].all()


def test_no_run_rests_before_its_image_was_shown() -> None:
    """Without a single spike: pixels still enter until the last step at which the image is shown."""
    silent = {"site": SpikeRecord(np.zeros((20, 3, 5, 1), np.int32), np.array([0, 8]), np.zeros((20, 2), np.int64), 40)}
    for presentation, levels, first in (("analog", 32, 2), ("rate", 8, 9), ("rate", 32, 0)):
        settled = settled_steps(small_qann(1, levels, presentation), silent)
        assert settled is not None and settled.tolist() == [first] * 3
    assert settled_steps(vit_graph(1, 5, 8, 2, 16, 3), silent) is None


def test_spikes_are_counted_where_an_add_is_cut() -> None:
    """EC cores so small that an add of two sites is cut between the channels at which its sites are."""
    width = 62
    source = ImageSource("image", (), (1, 6), (3, 1, 2), presentation="analog")
    embedding = PatchEmbedding("embedding", (Port("image", 0, 6),), (1, width), (1, 2), (1, 2), injection="once")
    sites = [STBIFNeurons(name, (Port("embedding", 0, width),), (1, width), 0.2, -8, 7) for name in ("a", "b")]
    add = Add("add", (Port("a", 0, width), Port("b", 0, width)), (1, width))
    readout = ReadOut("readout", (Port("add", 0, width),), (1, width), law="sum")
    rng = np.random.default_rng(0)
    arrays = {"embedding.weight": rng.standard_normal((width, 6)), "embedding.bias": rng.standard_normal(width)}
    graph = SpikingGraph.build("adds", [source, embedding, *sites, add, readout], arrays)
    chip = small_chip(mesh={"max_chips": 64}, ec={"state_memory_bits": 32 * 26})
    program = map_graph(graph, chip, anneal_moves=50)
    cuts = {name: set(program.parts.out_start[program.parts_of(name)].tolist()) for name in ("a", "add")}
    assert cuts["add"] - cuts["a"]
    activity = execute(program, images_of(graph, 2), 20, "float64", keep_spikes=0)
    assert price(activity, chip).ratio("noc") > 0
    assert cuts["add"] <= set(activity.spikes["a"].bounds.tolist())


@pytest.mark.parametrize("numeric", ["float32", "int8"])
def test_the_other_number_formats_run_as_their_reference(numeric: str) -> None:
    graph = small_qann()
    images = images_of(graph, 2).astype(np.float32)
    expected = reference(graph, images, 6, numeric)
    _, spikes = execute_keeping_spikes(map_graph(graph, CHIPS["splitting"](), anneal_moves=50), images, 6, numeric)
    same = [np.mean(spikes[site] == values) for site, values in expected.spikes.items()]
    assert min(same) == 1.0 if numeric == "int8" else np.mean(same) > 0.95


def test_a_tracer_takes_a_word_beside_the_membrane() -> None:
    chip = CHIPS["roomy"]()
    graph = small_qann()
    site = graph.nodes["blocks.0.attn.q"]
    assert isinstance(site, STBIFNeurons)
    on_synapse, on_ec = (neuron_footprint(chip, kind, site, 5, 8) for kind in (CoreKind.SYNAPSE, CoreKind.EC))
    assert on_synapse.state_bits == 2 * 40 * chip.synapse_core.membrane_bits
    assert chip.ec_core is not None
    assert on_ec.state_bits == 2 * 40 * chip.ec_core.state_bits and on_ec.neurons == 40
