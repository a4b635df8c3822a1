"""Does `convert` take the method and its choices, and is bad input named, refused or remedied?"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.cli import main
from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import method_of
from synaptile.conversion.differential import Differential, rescaled
from synaptile.conversion.graph import DifferentialNeurons, SpikingGraph, Synapse, load_graph
from synaptile.foundation.errors import CalibrationError, GraphError, InputError, WeightsError
from synaptile.simulator import reference
from tests.differential.networks import differential_vit
from tests.graphs import vit_graph
from tests.simulator.runs import some_images


def plain() -> SpikingGraph:
    return vit_graph(1, 5, 8, 2, 16, 3, dtype=np.float64)


def test_thresholds_are_quantiles_per_channel_and_one_per_softmax() -> None:
    graph, seen = plain(), {}
    images = some_images(graph, 4).astype(np.float64)
    found = Differential(scale=1.0).apply(graph, [images])
    ann_forward(graph, images, lambda site, values: seen.update({site: values}))
    for site in found.sites:
        rows = np.abs(seen[site.name])
        rows = rows.reshape(-1, 1) if site.is_map else rows.reshape(-1, site.width)
        expected = np.sort(rows, axis=0)[int(0.999 * len(rows)) - 1]
        np.testing.assert_array_equal(found.array(site.name, "theta"), np.broadcast_to(expected, site.width))
    assert "head.in" not in found.nodes and found.metadata["method"] == "differential"


def test_the_ann_of_a_converted_graph_is_the_ann() -> None:
    graph = plain()
    images = some_images(graph, 4).astype(np.float64)
    np.testing.assert_allclose(ann_forward(Differential().apply(graph, images), images), ann_forward(graph, images), atol=1e-12)


def test_given_thresholds_replace_measured_ones_and_may_cover_all() -> None:
    graph, images = plain(), some_images(plain(), 4)
    measured = Differential().apply(graph, images)
    given = {site.name: measured.array(site.name, "theta") for site in measured.sites}
    given["blocks.0.attn.q"] = given["blocks.0.attn.q"].reshape(2, 1, 4)  # per head, as published figures are
    again = Differential(thresholds=given).apply(graph, None)
    assert {name: array.tolist() for name, array in again.arrays.items()} == {
        name: array.tolist() for name, array in measured.arrays.items()
    }
    one = Differential(thresholds={"blocks.0.attn.proj.in": 0.5}).apply(graph, images)
    assert set(one.array("blocks.0.attn.proj.in", "theta")) == {0.5}


def test_a_silent_channel_takes_the_smallest_threshold_of_its_site() -> None:
    graph = plain()
    weight, bias = (graph.array("blocks.0.norm2", field).copy() for field in ("weight", "bias"))
    weight[3] = bias[3] = 0.0
    graph = SpikingGraph.build(
        graph.name,
        graph.nodes.values(),
        {**graph.arrays, "blocks.0.norm2.weight": weight, "blocks.0.norm2.bias": bias},
        graph.metadata,
    )
    found = Differential().apply(graph, some_images(graph, 4))
    theta = found.array("blocks.0.mlp.fc1.in", "theta")
    assert found.metadata["silent_channels"] == {"blocks.0.mlp.fc1.in": 1}
    assert theta[3] == np.delete(theta, 3).min() > 0
    silent = {**graph.arrays, "blocks.0.norm2.weight": 0 * weight, "blocks.0.norm2.bias": 0 * bias}
    with pytest.raises(CalibrationError, match=r"blocks\.0\.mlp\.fc1\.in'.*every channel is 0"):
        Differential().apply(SpikingGraph.build("silent", graph.nodes.values(), silent), some_images(graph, 4))


def test_rescaled_thresholds_leave_the_ann_and_move_the_spikes() -> None:
    graph = differential_vit(1)
    images = some_images(graph, 2).astype(np.float64)
    other = rescaled(graph, {site.name: 0.5 for site in graph.sites}, levels=-1)
    assert {site.n for site in other.of_type(DifferentialNeurons)} == {7}
    np.testing.assert_allclose(ann_forward(other, images), ann_forward(graph, images), atol=1e-12)
    half = Differential(7, 1.0).apply(plain(), some_images(plain(), 16, seed=1))
    np.testing.assert_allclose(reference(other, images, 3).logits, reference(half, images, 3).logits, atol=1e-12)
    for factors in ({"nowhere": 2.0}, {graph.sites[0].name: 0.0}):
        with pytest.raises(CalibrationError, match=r"nowhere|needs to be positive"):
            rescaled(graph, factors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n 0 is no number"),
        ({"n": True}, "n True is no number"),
        ({"scale": 0.0}, "scale is 0.0, needs to be positive"),
        ({"scale": "2"}, "scale is '2'"),
        ({"thresholds": [1.0]}, "thresholds are a list"),
    ],
)
def test_a_method_checks_what_it_is_given(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Differential(**arguments)


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        ({"blocks.0.attn": 1.0}, "which is no neuron site"),
        ({"blocks.0.attn.q": np.ones(7)}, r"thresholds of shape \(7,\).*one per channel"),
        ({"blocks.0.attn.softmax.out": np.ones(5)}, "one per head"),
        ({"blocks.0.attn.q": -1.0}, "must be positive and finite"),
        ({"blocks.0.attn.q": "large"}, "type <U5"),
        ({"blocks.0.attn.q": 1.0}, "no threshold for 7 sites"),
    ],
)
def test_thresholds_that_fit_no_site(theta: dict[str, Any], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        Differential(thresholds=theta).apply(plain(), None)


def test_arguments_of_other_methods() -> None:
    assert method_of("differential", {"n": 6, "scale": 1.5}) == Differential(6, 1.5)
    with pytest.raises(InputError, match="'differential' takes no levels; it takes n, scale, thresholds"):
        method_of("differential", {"levels": 8})
    with pytest.raises(InputError, match="'ecmt' takes no scale"):
        method_of("ecmt", {"scale": 2.0})


def test_graphs_that_contradict_themselves() -> None:
    graph = differential_vit(1)
    bad = {**graph.arrays, "blocks.0.attn.q.theta": 0 * graph.array("blocks.0.attn.q", "theta")}
    with pytest.raises(WeightsError, match="holds 8 thresholds that are not positive"):
        SpikingGraph.build("zero", graph.nodes.values(), bad)
    nodes = [
        replace(node, unit_spikes=False) if isinstance(node, Synapse) and node.name == "blocks.0.mlp.fc1" else node
        for node in graph.nodes.values()
    ]
    with pytest.raises(GraphError, match="unit_spikes is False"):
        SpikingGraph.build("theta", nodes, graph.arrays)


@pytest.mark.parametrize(("numeric", "steps"), [("float32", 2**24 + 1), ("int8", 2**30), ("float64", 2**53 + 1)])
def test_more_steps_than_a_format_tells_apart(numeric: str, steps: int) -> None:
    graph = differential_vit(1)
    with pytest.raises(InputError, match=rf"multiplies with 1/t, and {numeric} tells steps apart up to"):
        reference(graph, some_images(graph, 1), steps, numeric)


def test_on_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "digits.spk"
    arguments = ["convert", "digits", "--method", "differential", "--scale", "1.5", "-n", "6", "-o", str(target)]
    monkeypatch.setattr(sys, "argv", ["synaptile", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code and "differential, n 6, scale 1.5" in " ".join(capsys.readouterr().out.split())
    assert {site.kind for site in load_graph(target).sites} == {"differential"}
