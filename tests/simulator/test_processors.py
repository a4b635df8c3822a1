"""Is a run on a processor without AVX, or with AVX2, that of this one: int8 to the bit, float32 within its roundings?

`make generic`, which CI runs, and `make avx2` compile every kernel for such a processor into a cache of its own. There a run with
it is held against one with the kernels of this processor, which `make test` has compiled: nothing is compiled for this alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.types import Array
from synaptile.mapper import map_graph
from tests.bounds import assert_within, gamma
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, execute_keeping_spikes, needs_compiler, some_images

ROOT = Path(__file__).resolve().parents[2]
STEPS, IMAGES = 3, 6
OLDER = {"generic": ("Prescott", "AVX2 AVX512F"), "haswell": ("Haswell", "AVX512F")}
"""By the name to LLVM: the name to OpenBLAS, and what NumPy is not to use."""

CHOICES = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_CACHE_DIR", "OPENBLAS_CORETYPE")
"""What says that another processor stands in for this one."""


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


def run_in(environment: dict[str, str], file: Path) -> dict[str, Array]:
    write = f"import tests.simulator.test_processors as it; it.write_run({str(file)!r})"
    subprocess.run([sys.executable, "-W", "ignore", "-c", write], cwd=ROOT, env=environment, check=True)
    with np.load(file) as read:
        return dict(read)


@needs_compiler
@pytest.mark.skipif(os.environ.get("NUMBA_CPU_NAME") not in OLDER, reason="`make generic` and `make avx2` compare processors")
def test_processors_agree(tmp_path: Path) -> None:
    blas, unused = OLDER[os.environ["NUMBA_CPU_NAME"]]
    here = {name: value for name, value in os.environ.items() if name not in CHOICES}
    this = run_in(here, tmp_path / "this.npz")
    older = run_in(os.environ | {"OPENBLAS_CORETYPE": blas, "NPY_DISABLE_CPU_FEATURES": unused}, tmp_path / "older.npz")
    int8_is_the_same_to_the_bit(this, older)
    float32_is_within_its_roundings(this, older)


def int8_is_the_same_to_the_bit(this: dict[str, Array], older: dict[str, Array]) -> None:
    assert older.keys() == this.keys()
    assert not [name for name in this if name.startswith("int8") and this[name].tobytes() != older[name].tobytes()]
    assert all(this[name].any() for name in this)


def float32_is_within_its_roundings(this: dict[str, Array], older: dict[str, Array]) -> None:
    """Sums err by their roundings, so an image spikes alike unless a membrane lies that near a threshold: one image may.

    Logits are means over steps of the head's sums, which err by no more than the terms and roundings of these sums allow.
    """
    graph = network()
    weight, bias = (np.abs(graph.array("head", field).astype(np.float64)) for field in ("weight", "bias"))
    steps = np.arange(1, STEPS + 1)[:, None, None]
    magnitudes = (np.abs(this["float32 head.in"][:, :, 0].astype(np.float64)) @ weight.T + bias).cumsum(axis=0) / steps
    bound = 2 * gamma(STEPS * (weight.shape[1] + 2) + 2, np.float32) * magnitudes
    spikes = [name for name in this if name.startswith("float32") and not name.endswith("logits")]
    alike = np.logical_and.reduce([(this[name] == older[name]).all(axis=(0, *range(2, this[name].ndim))) for name in spikes])
    assert alike.sum() >= IMAGES - 1
    assert_within(older["float32 logits"][:, alike], this["float32 logits"][:, alike], bound[:, alike])
