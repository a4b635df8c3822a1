"""Is an argument of the wrong type an error of ours, and are paths and shipped names taken where they are said to be?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import synaptile as st
from synaptile.simulator.activity import Activity
from tests.graphs import vit_graph
from tests.simulator.runs import some_images

WRONG: list[Any] = [None, 5, object(), ["vit.spk"]]


@pytest.fixture(scope="module")
def graph() -> st.SpikingGraph:
    return vit_graph(1, 5, 8, 2, 16, 3)


@pytest.fixture(scope="module")
def activity(graph: st.SpikingGraph) -> Activity:
    return st.execute(st.map_graph(graph, "ecmt45-mini"), some_images(graph, 1), 2)


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert st.__version__ == version("synaptile")


def test_graphs_chips_and_programs_are_taken_by_path_and_name(graph: st.SpikingGraph, activity: Activity, tmp_path: Path) -> None:
    st.save_graph(graph, tmp_path / "vit.spk")
    program = st.map_graph(str(tmp_path / "vit.spk"), "ecmt45-mini")
    assert program.graph.digest == graph.digest and program.chip == st.load_chip("ecmt45-mini")
    (tmp_path / "mine.yaml").write_text("name: mine\nextends: ecmt45-mini\n")
    assert st.map_graph(graph, tmp_path / "mine.yaml").chip.name == "mine"
    st.save_program(program, tmp_path / "vit.map")
    again = st.execute(tmp_path / "vit.map", some_images(graph, 1), 2)
    assert (again.logits == activity.logits).all()
    assert st.schedule(activity, "ecmt45-mini").program.chip.name == "ecmt45-mini"
    assert st.price(activity, "ecmt45-mini").ratio("released", step=2) == st.price(activity, program.chip).ratio(
        "released", step=2
    )


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda wrong, _: st.map_graph(wrong, "ecmt45-mini"), id="map_graph graph"),
        pytest.param(lambda wrong, graph: st.map_graph(graph, wrong), id="map_graph chip"),
        pytest.param(lambda wrong, graph: st.execute(wrong, some_images(graph, 1), 2), id="execute"),
        pytest.param(lambda wrong, _: st.schedule(wrong), id="schedule"),
        pytest.param(lambda wrong, _: st.price(wrong, "ecmt45"), id="price"),
        pytest.param(lambda wrong, graph: st.reference(wrong, some_images(graph, 1), 2), id="reference"),
        pytest.param(lambda wrong, _: st.save_graph(wrong, "x.spk"), id="save_graph graph"),
        pytest.param(lambda wrong, graph: st.save_graph(graph, wrong), id="save_graph path"),
        pytest.param(lambda wrong, _: st.save_program(wrong, "x.map"), id="save_program"),
        pytest.param(lambda wrong, _: st.save_activity(wrong, "x"), id="save_activity"),
        pytest.param(lambda wrong, _: st.load_graph(wrong), id="load_graph"),
        pytest.param(lambda wrong, _: st.load_program(wrong), id="load_program"),
        pytest.param(lambda wrong, _: st.load_activity(wrong), id="load_activity"),
        pytest.param(lambda wrong, _: st.load_chip(wrong), id="load_chip"),
        pytest.param(lambda wrong, graph: st.load_qann(wrong, graph), id="load_qann"),
        pytest.param(lambda wrong, _: st.load_text_encoder(wrong), id="load_text_encoder"),
        pytest.param(lambda wrong, _: st.read_sentences(wrong), id="read_sentences"),
        pytest.param(lambda wrong, _: st.load_images("images", wrong), id="load_images network"),
        pytest.param(lambda wrong, graph: st.calibrate(wrong, some_images(graph, 1)), id="calibrate"),
        pytest.param(lambda wrong, graph: st.calibrate_spikezip(wrong, some_images(graph, 1)), id="calibrate_spikezip"),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused_by_name(
    call: Callable[[Any, st.SpikingGraph], Any],
    wrong: Any,
    graph: st.SpikingGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(st.InputError, match=type(wrong).__name__):
        call(wrong, graph)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": "0"}, "seed is '0'"),
        ({"seed": None}, "seed is None"),
        ({"anneal_moves": "many"}, "anneal_moves is 'many'"),
        ({"replicas": None}, "replicas is None: give one number"),
        ({"replicas": {"blocks.0.mlp.fc1": "2"}}, "replicas of 'blocks.0.mlp.fc1' is '2'"),
        ({"placement": 5}, "placement is 5"),
    ],
)
def test_options_of_the_mapper_of_the_wrong_type(graph: st.SpikingGraph, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(st.InputError, match=message):
        st.map_graph(graph, "ecmt45-mini", **arguments)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path, graph: st.SpikingGraph) -> None:
    with pytest.raises(st.FileFormatError, match=r"vit\.spk: no such file"):
        st.map_graph(tmp_path / "vit.spk", "ecmt45")
    with pytest.raises(st.ChipError, match="no chip 'ecmt46'"):
        st.map_graph(graph, "ecmt46")
