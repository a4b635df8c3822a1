"""Is a run the same on a processor with AVX-512, with AVX2 and with neither: int8 to the bit, float32 within its roundings?

A processor can stand in for older ones: LLVM compiles for them by name, OpenBLAS and NumPy are told what not to use. Each works
in a process of its own, with a cache of compiled kernels of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.types import Array
from synaptile.mapper import map_graph
from tests.bounds import assert_within, gamma
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, execute_keeping_spikes, needs_compiler, some_images

ROOT = Path(__file__).resolve().parents[2]
STEPS, IMAGES = 3, 6
PROCESSORS = {"avx512f": ("skylake-avx512", "SkylakeX"), "avx2": ("haswell", "Haswell"), "sse2": ("generic", "Prescott")}
"""By the instructions that each needs, from most to least: its name to LLVM and to OpenBLAS."""


def network() -> SpikingGraph:
    """Fan-ins of several vectors of every width."""
    return vit_graph(depth=1, tokens=10, width=48, heads=3, hidden=96, classes=10, n=6, seed=7)


def write_run(file: str) -> None:
    """Execute in either arithmetic and keep logits and spikes; called in the other processes."""
    graph, found = network(), dict[str, Array]()
    program = map_graph(graph, CHIPS["roomy"](), placement="row_major")
    for numeric in ("int8", "float32"):
        run, spikes = execute_keeping_spikes(program, some_images(graph, IMAGES), STEPS, numeric, threads=1)
        found[f"{numeric} logits"] = run.logits
        found |= {f"{numeric} {site}": values for site, values in spikes.items()}
    np.savez(file, **found)  # type: ignore[arg-type]  # names of files are no other argument


def runs_of_processors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    features = get_host_cpu_features()
    able = [needs for needs in PROCESSORS if features.get(needs)]
    if len(able) < 2:
        pytest.skip(f"this processor can stand in for {able} alone")
    found: dict[str, Any] = {}
    for needs in able:
        cpu, blas = PROCESSORS[needs]
        beyond = " ".join(more.upper() for more in list(PROCESSORS)[: list(PROCESSORS).index(needs)])
        environment = {
            "NUMBA_CPU_NAME": cpu,
            "NUMBA_CACHE_DIR": str(Path(sys.prefix) / f"numba-{cpu}"),
            "OPENBLAS_CORETYPE": blas,
            "NPY_DISABLE_CPU_FEATURES": beyond,
        }
        file = tmp_path_factory.mktemp(needs) / "run.npz"
        write = f"import tests.simulator.test_processors as it; it.write_run({str(file)!r})"
        subprocess.run([sys.executable, "-W", "ignore", "-c", write], cwd=ROOT, env=os.environ | environment, check=True)
        with np.load(file) as read:
            found[needs] = dict(read)
    return found


@pytest.mark.slow
@needs_compiler
def test_processors_agree(tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = runs_of_processors(tmp_path_factory)
    int8_is_the_same_to_the_bit(runs)
    float32_is_within_its_roundings(runs)


def int8_is_the_same_to_the_bit(runs: dict[str, Any]) -> None:
    first, *others = runs.values()
    for other in others:
        assert other.keys() == first.keys()
        assert not [name for name in first if name.startswith("int8") and first[name].tobytes() != other[name].tobytes()]
    assert all(first[name].any() for name in first)


def float32_is_within_its_roundings(runs: dict[str, Any]) -> None:
    """Sums err by their roundings, so an image spikes alike unless a membrane lies that near a threshold: one image may.

    Logits are means over steps of the head's sums, which err by no more than the terms and roundings of these sums allow.
    """
    first, *others = runs.values()
    graph = network()
    weight, bias = (np.abs(graph.array("head", field).astype(np.float64)) for field in ("weight", "bias"))
    steps = np.arange(1, STEPS + 1)[:, None, None]
    magnitudes = (np.abs(first["float32 head.in"][:, :, 0].astype(np.float64)) @ weight.T + bias).cumsum(axis=0) / steps
    bound = 2 * gamma(STEPS * (weight.shape[1] + 2) + 2, np.float32) * magnitudes
    spikes = [name for name in first if name.startswith("float32") and not name.endswith("logits")]
    for other in others:
        alike = np.logical_and.reduce(
            [(first[name] == other[name]).all(axis=(0, *range(2, first[name].ndim))) for name in spikes]
        )
        assert alike.sum() >= IMAGES - 1
        assert_within(other["float32 logits"][:, alike], first["float32 logits"][:, alike], bound[:, alike])
