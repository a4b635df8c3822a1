"""Are ternary runs counted as the reference counts them, priced, scheduled, kept and bounded?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conversion.graph import ECUnit, ProductUnit, STBIFNeurons, Synapse
from energy import price
from mapper import map_graph
from mapper.footprint import neuron_footprint
from mapper.program import CoreKind
from simulator import OPS, Activity, execute, reference, schedule
from simulator.storage import load_activity, save_activity
from synaptile.dataset.counts import executed_by_image
from tests.simulator.runs import CHIPS, execute_keeping_spikes
from tests.spikezip.networks import images_of, small_qann

STEPS, IMAGES = 12, 2
Array = NDArray[Any]


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
    return table.count[rows & (table.op == OPS.index(op))].sum(axis=0).tolist()


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
        assert bias[0] > 0 and bias[0] % (node.size * IMAGES) == 0 and not any(bias[1:])


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
