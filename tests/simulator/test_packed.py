"""Are weights packed once, found again by every run and program of the same arrays, and let go with them?"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph, Synapse
from synaptile.conversion.thresholds import with_thresholds
from synaptile.foundation.options import Numeric
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.arithmetic import Arithmetic
from synaptile.simulator.event import packed
from synaptile.simulator.memory import MemoryNeed
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, some_images


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(packed, "_kept", {})
    yield


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the synapses packed."""
    names: list[str] = []
    original = packed._pack

    def pack(graph: SpikingGraph, node: Synapse, arithmetic: Arithmetic, empty: Any) -> packed.PackedWeight:
        names.append(node.name)
        return original(graph, node, arithmetic, empty)

    monkeypatch.setattr(packed, "_pack", pack)
    return names


def small_graph() -> SpikingGraph:
    return vit_graph(1, 10, 24, 3, 40, 5)


def spiking(graph: SpikingGraph) -> list[str]:
    return [synapse.name for synapse in graph.of_type(Synapse) if synapse.spiking]


def run(graph: SpikingGraph, chip: str = "roomy", numeric: Numeric = "float32") -> Activity:
    program = map_graph(graph, CHIPS[chip](), placement="row_major")
    return execute(program, some_images(graph, 2), 3, numeric, images_at_once=1)


@pytest.mark.parametrize("numeric", ["float32", "int8"])
def test_batches_runs_and_chips_share_what_is_packed(counted: list[str], numeric: Numeric) -> None:
    graph = small_graph()
    first, second, elsewhere = run(graph, numeric=numeric), run(graph, numeric=numeric), run(graph, "splitting", numeric)
    assert counted == spiking(graph), "two batches, three runs, two chips"
    np.testing.assert_array_equal(first.logits, second.logits)
    if numeric == "int8":  # floats follow the cut of the fan-in
        np.testing.assert_array_equal(first.logits, elsewhere.logits)


def test_formats_are_packed_apart_and_thresholds_share(counted: list[str]) -> None:
    graph = small_graph()
    other = with_thresholds(graph, {site.name: (0.5, 0.5, site.n) for site in graph.sites})
    for numeric in ("float32", "int8", "float64"):
        run(graph, numeric=numeric)
    run(other)
    assert counted == 3 * spiking(graph)


def test_what_was_packed_goes_with_its_weights() -> None:
    graph = small_graph()
    run(graph)
    assert packed.kept_bytes() > 4 * sum(graph.array(name, "weight").size for name in spiking(graph)) // 2
    del graph
    gc.collect()
    assert packed.kept_bytes() == 0


def test_without_room_nothing_is_kept_and_nothing_changes(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    graph = small_graph()
    before = run(graph)
    monkeypatch.setattr(packed, "_kept", {})
    monkeypatch.setattr(MemoryNeed, "kept_room", lambda *_: 0)
    after = run(graph)
    assert packed.kept_bytes() == 0 and len(counted) == 3 * len(spiking(graph)), "anew for each batch of the second run"
    np.testing.assert_array_equal(before.logits, after.logits)


def test_a_quarter_of_what_a_run_leaves_is_kept_and_no_more_than_a_gibibyte() -> None:
    need = MemoryNeed(graph=0, records=0, streams=1 << 20, state=0, weights=0, peak_node="")
    assert need.kept_room(need.total, 0) == 0
    assert need.kept_room(need.total + (400 << 20), 0) == 100 << 20
    assert need.kept_room(100 << 30, 1 << 20) == (1 << 30) - (1 << 20), "what is kept already counts"
    assert need.kept_room(100 << 30, 2 << 30) == 0
