"""Does a partition put every piece where it says, come back from its program, and get refused by name where it is wrong?"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import IntegerConvolution2d, SpikingGraph
from synaptile.conversion.graph.whole import part_fan_outs
from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import InputError, SynaptileError
from synaptile.hwmodels import load_chip
from synaptile.mapper import CoreProgram, load_partition, map_graph, map_partition, partition_of, save_partition
from synaptile.mapper.partition import Partition
from synaptile.mapper.reach import core_reach
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import execute
from tests.graphs import vit_graph
from tests.integer.networks import currents, small
from tests.mapper.chips import small_chip
from tests.nir.networks import convolutional

EXAMPLE = Path(__file__).parents[2] / "synaptile" / "data" / "mnist_loihi_partition.yaml"


def equal(a: CoreProgram, b: CoreProgram) -> bool:
    tables = [(getattr(a, name), getattr(b, name)) for name in ("parts", "cores", "flows", "routes")]
    return all(np.array_equal(getattr(x, f.name), getattr(y, f.name)) for x, y in tables for f in fields(x))


PROGRAMS: dict[str, Any] = {
    "transformer": lambda: map_graph(vit_graph(1, 5, 8, 2, 16, 3, n=4), small_chip(synapse={"max_axons": 5}), anneal_moves=50),
    "convolutions": lambda: map_graph(from_nir(convolutional()), load_chip("loihi"), anneal_moves=50),
    "whole numbers": lambda: map_graph(from_integer(small()), load_chip("loihi"), anneal_moves=50),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_comes_back_from_the_partition_that_it_gives(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]()
    save_partition(partition_of(program), tmp_path / "p.yaml")
    again = map_partition(program.graph, program.chip, tmp_path / "p.yaml")
    assert equal(program, again)
    assert again.graph.digest == program.graph.digest


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 3), columns=st.integers(1, 3), channels=st.integers(1, 4), seed=st.integers(0, 9))
def test_any_grid_gives_the_same_spikes_and_holds_the_blocks_it_names(rows: int, columns: int, channels: int, seed: int) -> None:
    graph, pieces = from_integer(small(seed)), rows * columns * channels
    layers = {
        "input.current": {"cores": [0, 1], "rows": 2},
        "a": {"cores": [2 + i for i in range(pieces)], "rows": rows, "columns": columns, "channels": channels},
        "b": {"cores": [2 + pieces], "order": [{"axis": "rows", "at": [1]}]},
        "c": {"cores": [2 + pieces], "outputs": [3]},
    }
    program = map_partition(graph, load_chip("loihi"), Partition(layers=layers), anneal_moves=0)  # type: ignore[arg-type]
    plain = execute(map_graph(graph, load_chip("loihi"), anneal_moves=0), currents(2), 8)
    moved = execute(program, currents(2), 8, keep_spikes=2)
    assert np.array_equal(plain.logits, moved.logits)
    assert np.array_equal(plain.accounting.eq30, moved.accounting.eq30)
    node = program.graph.nodes["a"]
    held = [node.places[a:b] for a, b in zip(program.parts.out_start, program.parts.out_stop, strict=True)]  # type: ignore[attr-defined]
    first = int(program.parts_of("a")[0])
    for piece, block in enumerate(np.ndindex(channels, rows, columns)):
        where = np.unravel_index(held[first + piece], (4, 3, 3))
        for axis, (at, parts) in enumerate(zip(block, (channels, rows, columns), strict=True)):
            extent = (4, 3, 3)[axis]
            assert set(where[axis].tolist()) == set(range(extent * at // parts, extent * (at + 1) // parts))
    masks = moved.spikes["input"].masks
    assert masks is not None
    fired = np.unpackbits(masks, axis=-1, count=50)[:, :, 0].astype(np.int64)
    by_core = fired.sum(axis=1) @ core_reach(program, "a")
    assert by_core.sum(axis=1).tolist() == moved.accounting.eq30[0].sum(axis=1).tolist()


def test_what_is_counted_once_and_handed_out_again_cannot_be_written_to() -> None:
    (node,) = from_integer(small()).of_type(IntegerConvolution2d)[:1]
    for counts in part_fan_outs(node, 0, 4):
        assert counts.any()
        with pytest.raises(ValueError, match="read-only"):
            counts[0] = 1


def intels() -> SpikingGraph:
    def weight(*shape: int) -> np.ndarray:
        return np.ones(shape, np.int16)

    shapes = (
        ("conv1", (16, 1, 5, 5), 2),
        ("conv2", (32, 16, 3, 3), 1),
        ("conv3", (64, 32, 3, 3), 2),
        ("conv4", (10, 64, 4, 4), 1),
    )
    layers = [
        IntegerLayer(name, weight(*shape), None, 512 if name != "conv4" else None, stride) for name, shape, stride in shapes
    ]
    return from_integer(IntegerNetwork("mnist", (1, 28, 28), layers, 512))


def test_intels_partition_has_sixteen_cores_and_their_compartments() -> None:
    program = map_partition(intels(), load_chip("loihi"), EXAMPLE)
    assert program.cores.neurons_used.tolist() == [12, 352, 352, 320, *[600] * 6, 240, *[768] * 4, 784]
    node = program.graph.nodes["conv1"]
    for core, columns in zip(range(11, 15), ([0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]), strict=True):
        part = next(i for i in program.parts_of("conv1") if program.parts.core[i] == core)
        outputs = node.places[program.parts.out_start[part] : program.parts.out_stop[part]]  # type: ignore[attr-defined]
        assert sorted(set((outputs % 12).tolist())) == columns
    per_core = np.asarray((core_reach(program, "conv1") > 0).sum(axis=0)).ravel()
    assert per_core[11:15].tolist() == [27 * 9] * 4  # each sees nine columns of 27 rows


def changed(**layers: Any) -> Partition:
    usual = {"input.current": {"cores": [0]}, "a": {"cores": [1]}, "b": {"cores": [2]}, "c": {"cores": [3]}}
    return Partition(layers={k: v for k, v in (usual | layers).items() if v is not None})


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            {"b": {"cores": [2, 4], "channels": [2, 3]}},
            r"layer 'b': channels \[2, 3\] leave out some: they hold 5, the layer has 6",
        ),
        ({"b": {"cores": [2, 4], "channels": [4, 3]}}, r"layer 'b': channels \[4, 3\] repeat some: they hold 7, the layer has 6"),
        ({"a": {"cores": [1, 4], "rows": 3}}, r"layer 'a': 2 cores are given, 3 needed"),
        ({"a": {"cores": [1] * 4, "rows": 4}}, "rows 4: the layer has 3: give at most as many pieces"),
        ({"d": {"cores": [4]}}, "layer 'd' is none of graph 'small'"),
        ({"a.neurons": {"cores": [4]}}, "layer 'a.neurons' lies off the chip or with what feeds it"),
        ({"c": None}, "leaves out 1 layers, 'c' the first"),
        ({"c": {"cores": [9]}}, "core 3 holds nothing, and there is a core 9"),
        ({"c": {"cores": [3], "tokens": 1}}, "layer 'c' .* is not cut by tokens"),
        ({"c": {"cores": [3], "order": [{"axis": "channels", "at": [1]}, {"axis": "rows", "at": []}]}}, None),
        ({"a": {"cores": [1], "compartments": [35]}}, "layer 'a', piece 0: 35 compartments for 36 neurons"),
        ({"a": {"cores": [1], "outputs": [36], "rows": 1}}, "cut by outputs and by rows: give one"),
    ],
)
def test_a_wrong_partition_is_refused(layers: dict[str, Any], message: str | None) -> None:
    def mapped() -> CoreProgram:
        return map_partition(from_integer(small()), load_chip("loihi"), changed(**layers), anneal_moves=0)

    if message is None:
        mapped()
        return
    with pytest.raises(InputError, match=message):
        mapped()


def test_a_core_beyond_its_compartments_is_refused_by_number() -> None:
    with pytest.raises(
        DoesNotFit, match=r"core 1 of the partition \(a, a.neurons\) needs 1,100 neurons .*limit 1,024 .*smaller piece"
    ):
        map_partition(from_integer(small()), load_chip("loihi"), changed(a={"cores": [1], "compartments": [1100]}))


@pytest.mark.parametrize(
    ("seats", "message"),
    [
        ([[0, 0]] * 3, "3 seats are given, 4 needed"),
        ([[0, 0, 1]] * 4, "cores 0 and 1 both sit at"),
        ([[8, 0], [0, 0], [0, 0], [0, 0]], r"core 0 sits at \[8, 0\]: the board has 8 x 4 tiles with 4 synapse cores each"),
    ],
)
def test_seats_off_the_board_or_taken_twice_are_refused(seats: list[list[int]], message: str) -> None:
    partition = changed().model_copy(update={"seats": seats})
    with pytest.raises(InputError, match=message):
        map_partition(from_integer(small()), load_chip("loihi"), partition)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: {a: {cores: [0], colums: 3}}", "layers.a.colums is not a known key: did you mean 'columns'"),
        ("layers: {a: {cores: []}}", "layers.a.cores is empty"),
        ("layers: {}", "layers"),
        ("- 1", "not a mapping: give `layers:`"),
    ],
)
def test_a_file_that_is_no_partition_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(SynaptileError, match=message):
        load_partition(tmp_path / "p.yaml")
