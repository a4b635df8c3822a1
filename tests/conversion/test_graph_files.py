"""Does a graph survive its file, without torch, and is every damaged file refused before anything is built from it?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from synaptile.conversion.graph import SpikingGraph, load_graph, save_graph
from synaptile.conversion.graph.storage import VERSION, graph_to_tensors
from synaptile.foundation.errors import FileFormatError, GraphError, SynaptileError
from tests.conversion.graphs_by_hand import build
from tests.conversion.without_torch import BLOCK_TORCH, ROOT
from tests.graphs import vit_graph

WRITTEN = ("format", "version", "graph", "graph_digest", "graph_has_arrays")


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3)


def header_of(graph: SpikingGraph) -> dict[str, str]:
    return {"format": "synaptile-graph", "version": str(VERSION), **graph_to_tensors(graph)[0]}


def write(graph: SpikingGraph, path: Path, /, **header: str | None) -> Path:
    """The graph's file with some header entries changed, or left out where None."""
    entries = {key: value for key, value in {**header_of(graph), **header}.items() if value is not None}
    save_file(dict(graph_to_tensors(graph)[1]), path, metadata=entries)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_graph_comes_back_from_its_file(tmp_path: Path, dtype: type) -> None:
    graph = vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3, dtype=dtype)
    save_graph(graph, tmp_path / "vit.spk")
    loaded = load_graph(tmp_path / "vit.spk")
    assert (loaded.name, dict(loaded.metadata), loaded.digest) == (graph.name, dict(graph.metadata), graph.digest)
    assert list(loaded.nodes.values()) == list(graph.nodes.values())
    assert set(loaded.arrays) == set(graph.arrays)
    for name, array in graph.arrays.items():
        assert loaded.arrays[name].dtype == dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def test_the_structure_loads_alone_with_the_digest_of_the_whole(graph: SpikingGraph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "vit.spk")
    skeleton = load_graph(tmp_path / "vit.spk", structure_only=True)
    assert list(skeleton.nodes.values()) == list(graph.nodes.values())
    assert not skeleton.arrays and skeleton.digest == graph.digest
    with pytest.raises(GraphError, match="structure only"):
        skeleton.array("head", "weight")


def test_a_structure_can_be_saved_alone(graph: SpikingGraph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "vit.spk")
    save_graph(load_graph(tmp_path / "vit.spk", structure_only=True), tmp_path / "skeleton.spk")
    again = load_graph(tmp_path / "skeleton.spk")
    assert not again.arrays and again.digest == graph.digest


def test_saving_replaces_the_file_and_leaves_nothing_else(graph: SpikingGraph, tmp_path: Path) -> None:
    (tmp_path / "vit.spk").write_bytes(b"an earlier file")
    save_graph(graph, tmp_path / "vit.spk")
    assert load_graph(tmp_path / "vit.spk").digest == graph.digest
    assert [path.name for path in tmp_path.iterdir()] == ["vit.spk"]


def test_a_graph_loads_where_torch_is_not_installed(graph: SpikingGraph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "vit.spk")
    script = f"{BLOCK_TORCH}\nfrom conversion.graph import load_graph\nprint(load_graph(sys.argv[1]).digest)"
    command = [sys.executable, "-c", script, str(tmp_path / "vit.spk")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == graph.digest


@pytest.mark.parametrize("structure_only", [False, True])
def test_a_file_cut_short_anywhere_is_refused(graph: SpikingGraph, tmp_path: Path, structure_only: bool) -> None:
    path = tmp_path / "vit.spk"
    save_graph(graph, path)
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    for size in (0, 1, 7, 8, 9, header // 2, header + 7, header + 8, header + 9, len(whole) // 2, len(whole) - 4, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileFormatError, match=r"vit\.spk: not a readable synaptile-graph file"):
            load_graph(path, structure_only=structure_only)


def test_a_byte_flipped_in_any_tensor_is_refused(graph: SpikingGraph, tmp_path: Path) -> None:
    path = tmp_path / "vit.spk"
    save_graph(graph, path)
    whole = path.read_bytes()
    first = 8 + int.from_bytes(whole[:8], "little")
    for position in np.linspace(first, len(whole) - 1, 25).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(SynaptileError, match=r"altered|NaN"):
            load_graph(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_changed_anywhere_never_give_another_graph(tmp_path: Path, data: st.DataObject) -> None:
    graph = build()
    path = tmp_path / "net.spk"
    save_graph(graph, path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        loaded = load_graph(path)
    except SynaptileError as error:
        assert str(error)
    else:
        assert loaded.digest == graph.digest


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        pytest.param({"format": "synaptile-program"}, ["is a synaptile-program file, needs synaptile-graph"], id="other kind"),
        pytest.param({"format": None}, ["is a plain safetensors file, needs synaptile-graph"], id="plain safetensors"),
        pytest.param({"version": str(VERSION + 1)}, [f"version {VERSION + 1}", f"reads up to {VERSION}", "upgrade"], id="newer"),
        pytest.param({"version": "0"}, ["version '0'", "altered"], id="version zero"),
        pytest.param({"version": "²"}, ["version '²'", "altered"], id="not a number"),
        pytest.param({"version": None}, ["version ''"], id="no version"),
        pytest.param({"graph": None}, ["'graph' is missing or damaged"], id="no structure"),
        pytest.param({"graph": "{"}, ["'graph' is missing or damaged"], id="half a structure"),
        pytest.param({"graph": "[]"}, ["'graph' is missing or damaged", "holds a list"], id="a list"),
        pytest.param({"graph": "{}"}, ["no list of nodes"], id="no nodes"),
        pytest.param({"graph": '{"nodes": [], "name": "x", "metadata": 5}'}, ["no metadata"], id="metadata a number"),
        pytest.param({"graph_digest": "0" * 32}, ["does not match its digest 00000000"], id="digest"),
        pytest.param({"graph_digest": None}, ["does not match its digest"], id="no digest"),
    ],
)
def test_another_kind_version_or_header_is_refused(
    graph: SpikingGraph, tmp_path: Path, header: dict[str, str | None], parts: list[str]
) -> None:
    with pytest.raises(FileFormatError) as caught:
        load_graph(write(graph, tmp_path / "vit.spk", **header))
    assert all(part in str(caught.value) for part in [*parts, "vit.spk"]), str(caught.value)


@pytest.mark.parametrize(
    ("node", "field", "value", "parts"),
    [
        pytest.param(0, "kind", "wormhole", ["node 0", "unknown kind 'wormhole'"], id="kind"),
        pytest.param(0, "kind", ["input"], ["node 0", "unknown kind ['input']"], id="a list for a kind"),
        pytest.param(4, "colour", "red", ["node 4 (mt) has unknown fields: colour"], id="unknown field"),
        pytest.param(4, "n", 8.5, ["node 4, field 'n'", "8.5", "int"], id="real for int"),
        pytest.param(4, "n", True, ["field 'n'", "True"], id="bool for int"),
        pytest.param(4, "theta1", "big", ["field 'theta1'", "'big'", "float"], id="text for real"),
        pytest.param(4, "shape", [1, "6"], ["field 'shape'", "'6'"], id="text in a shape"),
        pytest.param(4, "inputs", [["norm", 0]], ["field 'inputs'"], id="half a port"),
        pytest.param(4, "inputs", "norm", ["field 'inputs'"], id="port a text"),
        pytest.param(2, "function", "swish9", ["field 'function'", "swish9"], id="function"),
        pytest.param(1, "kernel", [2, 2, 2], ["field 'kernel'"], id="three extents"),
        pytest.param(4, "name", None, ["node 4", "'name'"], id="no name"),
    ],
)
def test_a_damaged_node_is_refused_by_number_and_field(
    tmp_path: Path, node: int, field: str, value: object, parts: list[str]
) -> None:
    graph = build()
    structure = json.loads(header_of(graph)["graph"])
    structure["nodes"][node][field] = value
    with pytest.raises(FileFormatError) as caught:
        load_graph(write(graph, tmp_path / "net.spk", graph=json.dumps(structure)))
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_node_without_a_field_is_refused(tmp_path: Path) -> None:
    structure = json.loads(header_of(build())["graph"])
    del structure["nodes"][4]["theta2"]
    with pytest.raises(FileFormatError, match=r"node 4 \(mt\).*theta2"):
        load_graph(write(build(), tmp_path / "net.spk", graph=json.dumps(structure)))


def test_a_file_that_is_missing_or_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"none\.spk: no such file"):
        load_graph(tmp_path / "none.spk")
    with pytest.raises(FileFormatError, match="no such file"):
        load_graph(tmp_path)
    (tmp_path / "text.spk").write_text("hello, I am no tensor file " * 9)
    with pytest.raises(FileFormatError, match="not a readable"):
        load_graph(tmp_path / "text.spk")


def test_the_header_holds_json_and_the_tensors_hold_the_arrays(graph: SpikingGraph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "vit.spk")
    assert set(header_of(graph)) == set(WRITTEN)
    assert set(load_file(tmp_path / "vit.spk")) == set(graph.arrays)
