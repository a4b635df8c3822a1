"""Runs for tests: small images, chips that cut one network differently, and execution with every spike kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
from numba import config
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, Node, SpikingGraph
from synaptile.conversion.images import source_of
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.types import Array
from synaptile.hwmodels import Chip
from synaptile.mapper import CoreProgram
from synaptile.simulator import Activity, execute
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.kernels.fire import Events, make_thresholds
from synaptile.simulator.kernels.plain import ALL
from synaptile.simulator.kernels.rows import Runs, list_runs, run_bytes, suballocate_runs
from synaptile.simulator.number_format import check_numeric, real_dtype
from tests.mapper.chips import small_chip

THREADS = int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set when numba is imported
needs_compiler = pytest.mark.needs_compiler


def some_runs(code: Array, cuts: Array, emitted: Array, which: int = ALL) -> Runs:
    """The spikes of lines of codes, listed in blocks between `cuts`."""
    lines, width = code.shape
    scratch = np.zeros(run_bytes(lines, width, len(cuts) - 1, emitted.itemsize), np.uint8)
    runs, _ = suballocate_runs(scratch, 0, lines, width, cuts, emitted)
    list_runs(np.ascontiguousarray(code).reshape(-1), width, cuts, which, emitted, runs)
    return cast(Runs, runs)


def some_images(graph: SpikingGraph, count: int, seed: int = 0) -> NDArray[np.float32]:
    """Preprocessed images of noise, shape (count, 3, H, W)."""
    shape = (count, *source_of(graph).image_shape)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def roomy_chip() -> Chip:
    """Shifts; every node of a small network stays whole."""
    return small_chip()


def splitting_chip(axons: int = 5, ec_words: int = 130, state_words: int = 26_624) -> Chip:
    """Shifts, but a short axon table splits every fan-in, small EC cores cut tokens and heads, little state convolutions."""
    synapse = {"max_axons": axons, "state_memory_bits": 32 * state_words}
    return small_chip(mesh={"max_chips": 64}, synapse=synapse, ec={"state_memory_bits": 32 * ec_words})


def replicating_chip() -> Chip:
    """Stores 2n copies of each of some 40 weights, so outputs are cut, and tokens have weights of their own."""
    synapse = {"graded_spikes": "replicate", "weight_memory_bits": 32 * 16 * 40, "max_neurons": 9, "token_sharing": False}
    return small_chip(mesh={"width": 8, "height": 8, "synapse_cores_per_tile": 3}, synapse=synapse)


CHIPS = {"roomy": roomy_chip, "splitting": splitting_chip, "replicating": replicating_chip}


def published_thresholds(arrays: Mapping[str, Array]) -> dict[str, tuple[float, float, int]]:
    """(theta1, theta2, n) of each site, from the archives of the published code's results."""
    prefix = "threshold/"
    found = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return {site: (float(array[0]), float(array[1]), int(array[2])) for site, array in found.items()}


def execute_keeping_spikes(
    program: CoreProgram, images: Array | Tokens, steps: int, numeric: str | None, **options: Any
) -> tuple[Activity, dict[str, Array]]:
    """A run and, for each site, the values emitted: (steps, images, *site shape) in the run's floating type."""
    dtype = real_dtype("chip" if numeric is None else check_numeric(numeric))
    kept = {site.name: np.zeros((steps, len(images), *site.shape), dtype) for site in program.graph.sites}
    with _each_record(kept):
        return execute(program, images, steps, numeric, **options), kept


@contextmanager
def _each_record(kept: dict[str, Array]) -> Iterator[None]:
    plain = Recorder.record

    def record(self: Recorder, node: Node, traffic: Any, events: Events | None, start: int, count: int) -> None:
        if isinstance(node, Neurons):
            assert events is not None
            values = kept[node.name]
            emitted = make_thresholds(node.theta1, node.theta2, node.n, values.dtype).emitted
            codes = events.codes.reshape(self.steps, count, *node.shape).astype(int)
            real = (slice(None), slice(start, start + count), *map(slice, node.shape))  # a sentence may be shorter than its site
            values[real] = emitted[node.n + codes]
        plain(self, node, traffic, events, start, count)

    with patch.object(Recorder, "record", record):
        yield
