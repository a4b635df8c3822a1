"""Unit: does a run know beforehand what memory it takes, and refuse what there is none for?"""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph, load_graph, save_graph
from synaptile.conversion.images import source_of
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute
from synaptile.simulator.memory import MemoryNeed, memory_need
from tests.graphs import vit_graph


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(depth=2, tokens=50, width=192, heads=3, hidden=768, classes=10)


@pytest.mark.parametrize(("steps", "images"), [(1, 1), (4, 3)])
def test_the_estimate_covers_what_a_run_allocates(graph: SpikingGraph, steps: int, images: int) -> None:
    program = map_graph(graph, load_chip("ecmt45"), anneal_moves=0)
    batch = np.random.default_rng(0).standard_normal((images, *source_of(graph).image_shape)).astype(np.float32)
    execute(program, batch[:1], 1)  # compile
    tracemalloc.start()
    execute(program, batch, steps, images_at_once=images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    need = memory_need(graph, "float32", steps, images, images, 1)
    live = need.records + need.streams + need.state + need.weights
    assert 0.8 * live <= peak <= 1.35 * (need.total - need.graph)


def test_more_is_kept_to_serve_again_where_memory_is_ample() -> None:
    need = MemoryNeed(graph=0, records=0, streams=600 << 20, state=0, weights=0, peak_node="")
    assert need.pool(need.total) == need.buffers == (600 + 128) << 20
    assert need.pool(need.total + (400 << 20)) == need.buffers + (100 << 20), "a quarter of what the run leaves"
    assert need.pool(100 << 30) == 2 * (600 << 20), "as much again as is live"


def test_too_little_memory_is_refused_before_the_start(graph: SpikingGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    program = map_graph(graph, load_chip("ecmt45"), anneal_moves=0)
    batch = np.zeros((2, *source_of(graph).image_shape), np.float32)
    monkeypatch.setattr("synaptile.simulator.memory.psutil.virtual_memory", lambda: SimpleNamespace(available=10**6))
    monkeypatch.setattr(sys.modules["synaptile.simulator.execute"], "make_layout", lambda *_: pytest.fail("started"))
    with pytest.raises(InputError, match=r"needs .* GiB .* free: fewer images together .* keep_spikes=0"):
        execute(program, batch, 2, images_at_once=2)


def test_a_loaded_graph_is_mapped_and_not_written_through(graph: SpikingGraph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "g.spk")
    before = (tmp_path / "g.spk").read_bytes()
    loaded = load_graph(tmp_path / "g.spk")
    array = loaded.array("blocks.0.mlp.fc1", "weight")
    assert isinstance(array.base, np.ndarray) and not array.flags.owndata and array.flags.aligned
    array[:] = 0
    assert (tmp_path / "g.spk").read_bytes() == before
