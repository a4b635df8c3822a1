"""Is every unusable argument of execute refused before anything runs, by an error that names it, its value and its limit?"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from numba import get_num_threads

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.errors import GraphError, ImageError, InputError
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import execute
from tests.graphs import vit_graph
from tests.simulator.runs import THREADS, roomy_chip, some_images


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    return map_graph(vit_graph(1, 5, 8, 2, 16, 3), roomy_chip())


@pytest.mark.parametrize("steps", [0, -3, True, 2.0, "4", None])
def test_steps(program: CoreProgram, steps: Any) -> None:
    with pytest.raises(InputError, match=r"steps is .*integer of at least 1"):
        execute(program, some_images(program.graph, 1), steps)


@pytest.mark.parametrize("numeric", ["fp16", "INT8", ""])
def test_number_format(program: CoreProgram, numeric: str) -> None:
    with pytest.raises(InputError, match=rf"'{numeric}' does not exist; formats are float32, float64, int8"):
        execute(program, some_images(program.graph, 1), 1, numeric)


@pytest.mark.parametrize(
    ("threads", "said"),
    [(0, "threads is 0"), (-1, "threads is -1"), (10_000, f"1 to {THREADS}"), (1.5, "1.5"), (True, "True")],
)
def test_threads(program: CoreProgram, threads: Any, said: str) -> None:
    before = get_num_threads()
    with pytest.raises(InputError, match=said):
        execute(program, some_images(program.graph, 1), 1, threads=threads)
    assert get_num_threads() == before


@pytest.mark.parametrize("images_at_once", [0, -2, 1.5, True])
def test_images_at_once(program: CoreProgram, images_at_once: Any) -> None:
    with pytest.raises(InputError, match=rf"images_at_once is {images_at_once}.*at least 1"):
        execute(program, some_images(program.graph, 1), 1, images_at_once=images_at_once)


def planted(value: float) -> Any:
    def change(images: np.ndarray) -> np.ndarray:
        images[1, 0, 0, 0] = value
        return images

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x[0], r"shape \(3, \d+, \d+\), needs \(images, 3, \d+, \d+\)"),
        (lambda x: x[:, :, :-1], "shape"),
        (lambda x: x[:, :1], "shape"),
        (lambda x: x[:0], "no image"),
        (planted(np.nan), "image 1 holds NaN or infinite"),
        (planted(np.inf), "image 1 holds NaN or infinite"),
        (planted(2e3), "magnitude 2000, limit 1000: normalise"),
        (lambda x: x.astype(np.uint8), "dtype uint8"),
        (lambda x: x.astype(np.float16), "dtype float16"),
    ],
)
def test_images(program: CoreProgram, change: Any, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        execute(program, change(some_images(program.graph, 2)), 1)


def test_a_graph_without_arrays_cannot_run(program: CoreProgram) -> None:
    bare = SpikingGraph.build("bare", program.graph.nodes.values(), {}, structure_only=True)
    mapped = map_graph(bare, roomy_chip())
    with pytest.raises(GraphError, match=r"'bare' carries no array .*load the full graph"):
        execute(mapped, some_images(program.graph, 1), 1)


def test_numpy_integers_are_integers(program: CoreProgram) -> None:
    two, one = (cast(int, np.int64(value)) for value in (2, 1))
    activity = execute(program, some_images(program.graph, 2), two, threads=one, images_at_once=one)
    assert type(activity.steps) is int and type(activity.provenance["threads"]) is int


def test_progress_counts_nodes_over_images(program: CoreProgram) -> None:
    seen: list[tuple[int, int]] = []
    execute(program, some_images(program.graph, 3), 2, images_at_once=2, progress=lambda done, total: seen.append((done, total)))
    nodes = len(program.graph.nodes)
    assert seen == [(2 * i, 3 * nodes) for i in range(1, nodes + 1)] + [(2 * nodes + i, 3 * nodes) for i in range(1, nodes + 1)]


def test_provenance_says_what_ran(program: CoreProgram) -> None:
    activity = execute(program, some_images(program.graph, 1), 1, "int8", threads=1)
    provenance = activity.provenance
    assert (activity.numeric, activity.steps, activity.images) == ("int8", 1, 1)
    assert provenance["graph_digest"] == program.graph.digest and provenance["chip_digest"] == program.chip.digest
    assert provenance["mapping"] == dict(program.options) and provenance["threads"] == 1
    assert {"python", "numpy", "numba", "synaptile", "command"} <= set(provenance)
