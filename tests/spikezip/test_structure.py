"""Does conversion put quantisers where SpikeZIP-TF has them, and refuse what it cannot hold?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.graph import (
    ConstantStream,
    ECUnit,
    Port,
    ProductUnit,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
    load_graph,
    save_graph,
)
from synaptile.conversion.images import source_of
from synaptile.conversion.spikezip import calibrate_spikezip, quantised_structure, with_steps
from synaptile.conversion.spikezip.levels import check_accumulators, check_levels
from synaptile.conversion.spikezip.steps import best_step
from synaptile.conversion.thresholds import measure_thresholds
from synaptile.data import DIGITS_GRAPH
from synaptile.foundation.errors import CalibrationError, GraphError, InputError, ModelError
from tests.graphs import vit_graph
from tests.simulator.runs import some_images
from tests.spikezip.networks import small_qann

UNSIGNED = ("softmax.out", "fc2.in")
OF_A_BLOCK = {
    "attn.qkv.in": "norm1", "attn.q": "attn.qkv", "attn.k": "attn.qkv", "attn.v": "attn.qkv", "attn.softmax.out": "attn.softmax",
    "attn.proj.in": "attn.sv", "attn.proj.out": "attn.proj", "mlp.fc1.in": "norm2", "mlp.fc2.in": "mlp.fc1",
    "mlp.fc2.out": "mlp.fc2",
}  # fmt: skip


def lowered() -> SpikingGraph:
    return vit_graph(2, 5, 8, 2, 16, 3, dtype=np.float64)


def test_ten_quantisers_a_block_and_two_more() -> None:
    graph = quantised_structure(lowered(), 16)
    behind = {site.name: site.inputs[0].node for site in graph.sites}
    expected = {f"blocks.{i}.{site}": f"blocks.{i}.{source}" for i in range(2) for site, source in OF_A_BLOCK.items()}
    assert behind == {**expected, "patch_embed.out": "patch_embed", "head.in": "select"}
    for site in graph.of_type(STBIFNeurons):
        unsigned = site.name.endswith(UNSIGNED)
        assert (site.low, site.high) == ((0, 15) if unsigned else (-8, 7)), site.name
    assert len(graph.of_type(STBIFNeurons)) == len(graph.sites)


def test_everything_else_telescopes_and_enters_once() -> None:
    graph = quantised_structure(lowered(), 16, "rate")
    assert not [unit for unit in graph.of_type(ECUnit) if unit.function == "gelu"]
    laws = {unit.law for unit in graph.of_type(ECUnit)} | {unit.law for unit in graph.of_type(ProductUnit)} | {graph.readout.law}
    assert laws == {"sum"}
    injections = {node.injection for node in graph.of_type(Synapse)}
    assert injections == {node.injection for node in graph.of_type(ConstantStream)} == {"once"}
    source = source_of(graph)
    assert (source.presentation, source.rate_steps, source.last_step) == ("rate", 16, 16)
    assert sum(source.share(t) for t in range(1, 100)) == 1.0
    assert quantised_structure(lowered(), 16).metadata["input"] == "analog"


def test_a_graph_file_keeps_the_method_and_older_ones_keep_their_digest(tmp_path: Path) -> None:
    graph = small_qann()
    save_graph(graph, tmp_path / "qann.spk")
    again = load_graph(tmp_path / "qann.spk")
    assert dict(again.nodes) == dict(graph.nodes) and again.digest == graph.digest
    old = load_graph(DIGITS_GRAPH)  # written before these fields existed; its digest is checked as it is read
    assert source_of(old).presentation == "constant" and old.readout.law == "mean"
    later = ("law", "injection", "presentation", "rate_steps")
    assert not any(f'"{field}"' in json.dumps(old.structure) for field in later)


def test_the_same_lowered_graph_serves_both_methods() -> None:
    graph = lowered()
    images = some_images(graph, 8).astype(np.float64)
    ecmt = calibrate(graph, images)
    assert {site.kind for site in ecmt.sites} == {"mt"}
    assert {site.kind for site in calibrate_spikezip(graph, images).sites} == {"stbif"}
    assert len(measure_thresholds(graph, [images])) == len(graph.sites)


def test_the_step_loses_less_than_any_far_from_it() -> None:
    rng = np.random.default_rng(0)
    for low, high in ((-16, 15), (0, 31)):
        site = STBIFNeurons("s", (), (1, 1), 1.0, low, high)
        values = rng.standard_normal((50, 400))

        def loss(step: float, site: STBIFNeurons = site, values: np.ndarray = values) -> float:
            kept = np.maximum(values, 0.0) if site.low == 0 else values
            return float(np.square(kept - step * np.clip(np.floor(kept / step + 0.5), site.low, site.high)).sum())

        best = best_step(site, values)
        assert all(loss(best) < loss(best * factor) for factor in (0.3, 0.7, 1.4, 3.0))


@pytest.mark.parametrize("levels", [0, 2, 3, 12, -32, 2.0, True, "32"])
def test_levels_that_are_no_power_of_two(levels: object) -> None:
    with pytest.raises(InputError, match=r"power of two of at least 4"):
        check_levels(levels)  # type: ignore[arg-type]


def test_levels_over_the_accumulators_range() -> None:
    graph = lowered()
    check_accumulators(graph, 2**14)
    with pytest.raises(InputError, match=r"over the 32-bit accumulator's 2,147,483,647: use fewer levels"):
        quantised_structure(graph, 2**20)
    with pytest.raises(InputError, match=r"product 'blocks.0.attn.qk'"):
        check_accumulators(SpikingGraph(graph.name, {n.name: n for n in graph.of_type(ProductUnit)}, {}), 2**17)


def test_inputs_that_do_not_exist() -> None:
    with pytest.raises(InputError, match="inputs are analog, rate"):
        quantised_structure(lowered(), 32, "poisson")  # type: ignore[arg-type]  # wrong on purpose


def test_an_activation_that_nothing_quantises() -> None:
    graph = lowered()
    nodes = dict(graph.nodes)
    fc1, fc2_in = nodes["blocks.0.mlp.fc1"], nodes["blocks.0.mlp.fc2.in"]
    again = ECUnit("again", (Port("blocks.0.mlp.act", 0, 16),), fc1.shape, "tanh")
    nodes["blocks.0.mlp.fc2.in"] = dataclasses.replace(fc2_in, inputs=(Port("again", 0, 16),))
    broken = SpikingGraph.build("net", [*nodes.values(), again], graph.arrays)
    with pytest.raises(ModelError, match=r"activation 'blocks.0.mlp.act' \(gelu\) feeds 'again' without a quantiser"):
        quantised_structure(broken)


@pytest.mark.parametrize("step", [0.0, -0.25, float("nan"), float("inf")])
def test_steps_that_are_not_positive(step: float) -> None:
    graph = small_qann()
    steps = {site.name: site.theta1 for site in graph.sites}
    with pytest.raises(CalibrationError, match=r"site 'head.in': step size .*must be positive and finite"):
        with_steps(graph, steps | {"head.in": step})
    head = graph.nodes["head.in"]
    assert isinstance(head, STBIFNeurons)
    nodes = [dataclasses.replace(head, step_size=step) if n is head else n for n in graph.nodes.values()]
    with pytest.raises(GraphError, match=r"ST-BIF site 'head.in'"):
        SpikingGraph.build("net", nodes, graph.arrays)


def test_steps_that_are_missing_or_of_no_site() -> None:
    graph = small_qann()
    steps = {site.name: site.theta1 for site in graph.sites}
    with pytest.raises(CalibrationError, match="'nowhere'"):
        with_steps(graph, steps | {"nowhere": 1.0})
    del steps["head.in"]
    with pytest.raises(CalibrationError, match=r"no step size for 1 sites, first 'head.in'"):
        with_steps(graph, steps)


def test_calibration_without_values() -> None:
    graph = lowered()
    with pytest.raises(CalibrationError, match="at least one image"):
        calibrate_spikezip(graph, [])
    dead = {name: np.zeros_like(array) for name, array in graph.arrays.items()}
    with pytest.raises(CalibrationError, match=r"site 'patch_embed.out': the calibration images give no value"):
        calibrate_spikezip(SpikingGraph.build("dead", graph.nodes.values(), dead), some_images(graph, 2))


def test_a_source_shown_over_no_steps() -> None:
    graph = small_qann()
    source = source_of(graph)
    nodes = [dataclasses.replace(n, presentation="rate") if n is source else n for n in graph.nodes.values()]
    with pytest.raises(GraphError, match=r"'rate' needs rate_steps of at least 1"):
        SpikingGraph.build("net", nodes, graph.arrays)
