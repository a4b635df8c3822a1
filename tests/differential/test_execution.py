"""Do the cores do what the dense twin does, spike for spike, on chips that cut the network differently, and is all counted?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.differential import Differential
from synaptile.conversion.graph import DifferentialNeurons, ECUnit, ProductUnit, Synapse
from synaptile.energy import price
from synaptile.mapper import map_graph
from synaptile.mapper.footprint import neuron_footprint
from synaptile.mapper.program import CoreKind
from synaptile.simulator import OPS, Activity, execute, reference, schedule
from synaptile.simulator.storage import load_activity, save_activity
from tests.differential.networks import differential_vit
from tests.simulator.runs import CHIPS, execute_keeping_spikes, some_images
from tests.simulator.test_formats import check_against_reference, with_tables
from tests.text.small_encoders import lowered, sentences

STEPS, IMAGES = 4, 2


def run(chip: str, numeric: str = "float64") -> tuple[Activity, dict[str, NDArray[np.floating]], NDArray[np.float64]]:
    graph = differential_vit(2)
    images = some_images(graph, IMAGES, seed=3).astype(np.float64)
    program = map_graph(graph, CHIPS[chip](), anneal_moves=0)
    return *execute_keeping_spikes(program, images, STEPS, numeric, keep_spikes=IMAGES), images


def issued(activity: Activity, node: str, role: str, op: str) -> list[int]:
    """Operations of one node, role and kind at each step, over all cores."""
    table = activity.operations
    if role not in table.roles:
        return [0] * activity.steps
    rows = (table.node == activity.program.node_names.index(node)) & (table.role == table.roles.index(role))
    return [int(count) for count in table.count[rows & (table.op == OPS.index(op))].sum(axis=0)]


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("numeric", ["float64", "int8"])
def test_cores_equal_the_twin(chip: str, numeric: str) -> None:
    activity, spikes, images = run(chip, numeric)
    twin = reference(activity.program.graph, images, STEPS, numeric)
    for site, values in twin.spikes.items():
        np.testing.assert_array_equal(spikes[site], values, err_msg=site)
        assert np.count_nonzero(values), site
    np.testing.assert_allclose(activity.logits, twin.logits, rtol=0, atol=1e-12 if numeric == "float64" else 0)
    for at, node in enumerate(activity.accounting.nodes):
        np.testing.assert_array_equal(activity.accounting.eq30[at], twin.eq30[node], err_msg=node)
        np.testing.assert_array_equal(activity.accounting.released[at], twin.released[node], err_msg=node)
    assert activity.settled is None and twin.settled is None


def test_functions_as_tables_are_those_of_the_twin_and_fine_ones_change_little() -> None:
    graph, names = differential_vit(1), ["exp", "div", "rsqrt", "erf"]
    coarse, fine = (with_tables(CHIPS["roomy"](), names, segments) for segments in (16, 4096))
    check_against_reference(graph, coarse, STEPS, IMAGES, "int8")
    logits = [reference(graph, some_images(graph, IMAGES), STEPS, "float64", chip=chip).logits for chip in (coarse, fine, None)]
    errors = [np.abs(one - logits[2]).max() for one in logits[:2]]
    assert errors[1] < 1e-3 < errors[0]


def test_operations_of_each_kind_by_hand() -> None:
    activity, spikes, _ = run("splitting")
    graph, sets = activity.program.graph, activity.program.chip.synapse_core.accumulators
    later, always, first = [0] + [IMAGES] * (STEPS - 1), [IMAGES] * STEPS, [IMAGES] + [0] * (STEPS - 1)

    def times(count: int, beats: list[int]) -> list[int]:
        return [count * beat for beat in beats]

    def fired(site: str) -> list[int]:
        return [int(np.count_nonzero(step)) for step in spikes[site]]

    assert sets == 2
    for site in graph.of_type(DifferentialNeurons):
        assert issued(activity, site.name, "integrate", "mac") == times(site.size, later)
        assert issued(activity, site.name, "integrate", "add") == times(site.size, first)
        assert issued(activity, site.name, "threshold compare", "compare") == times(5 * site.size, always)
        assert issued(activity, site.name, "soft reset", "add") == fired(site.name)
    for node in graph.of_type(Synapse):
        if node.spiking:
            assert issued(activity, node.name, "synapse rows", "ac") == times(node.width, fired(node.inputs[0].node))
            assert issued(activity, node.name, "theta combine", "mul") == [0] * STEPS
            assert issued(activity, node.name, "theta combine", "add") == times(node.size, always)
    for unit in graph.of_type(ECUnit):
        assert issued(activity, unit.name, "EC accumulate", "mac") == times(unit.size, always)
        assert issued(activity, unit.name, "expectation", "mul") == times(unit.size, always)
        assert issued(activity, unit.name, "mean", "mul") == [0] * STEPS
    for product in graph.of_type(ProductUnit):
        gained = issued(activity, product.name, "theta combine", "mul")
        assert gained == ([0] * STEPS if product.form == "qk" else times(product.size, always))
        sums = issued(activity, product.name, "operand sums", "mac" if product.form == "qk" else "add")
        a, b = (fired(port.node) for port in product.inputs)
        assert all(found >= x + y for found, x, y in zip(sums, a, b, strict=True))  # cut parts each sum their keys
        assert issued(activity, product.name, "pass sum", "add") == times(product.size, later)


def test_a_site_keeps_a_membrane_per_neuron_and_a_threshold_per_channel() -> None:
    chip, site = CHIPS["roomy"](), differential_vit(1).nodes["blocks.0.attn.q"]
    assert isinstance(site, DifferentialNeurons)
    for kind, bits in ((CoreKind.SYNAPSE, chip.synapse_core.membrane_bits), (CoreKind.EC, chip.ec_core.state_bits)):  # type: ignore[union-attr]
        assert neuron_footprint(chip, kind, site, 5, 8).state_bits == (5 * 8 + 8) * bits


def test_every_rung_a_schedule_and_a_kept_run(tmp_path: Path) -> None:
    activity, _, _ = run("roomy")
    timeline = schedule(activity)
    report = price(activity, activity.program.chip, timeline=timeline)
    assert {"eq30", "released", "executed", "memory", "noc", "static"} <= set(report.comparisons)
    save_activity(activity, tmp_path / "run")
    kept = price(load_activity(tmp_path / "run"), activity.program.chip, timeline=timeline)
    assert [kept.ratio(rung) for rung in kept.comparisons] == [report.ratio(rung) for rung in report.comparisons]


def test_sentences_of_every_length() -> None:
    graph = Differential().apply(lowered(), sentences([6, 3, 4, 6, 2]))
    tokens = sentences([2, 6, 4], seed=5)
    activity, spikes = execute_keeping_spikes(map_graph(graph, CHIPS["roomy"](), anneal_moves=0), tokens, STEPS, "float64")
    twin = reference(graph, tokens, STEPS)
    for site, values in twin.spikes.items():
        np.testing.assert_array_equal(spikes[site], values, err_msg=site)
    long = reference(graph, tokens, 200)
    np.testing.assert_allclose(long.logits[-1], ann_forward(graph, tokens), atol=0.03)
    np.testing.assert_allclose(activity.logits, twin.logits, rtol=0, atol=1e-12)


def test_threads_change_nothing() -> None:
    graph = differential_vit(1)
    program, images = map_graph(graph, CHIPS["roomy"](), anneal_moves=0), some_images(graph, 3).astype(np.float64)
    one, two = (execute(program, images, STEPS, "float32", threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.logits, two.logits)
