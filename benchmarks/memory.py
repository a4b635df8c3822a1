"""Peak memory of executing alone, in a process of its own that loads a saved graph and no PyTorch."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import print_table
from benchmarks.workloads import network
from synaptile.conversion.graph import save_graph

PROGRAM = """
import resource, sys
from synaptile.conversion.graph import load_graph
from benchmarks.workloads import program_of, random_images
from synaptile.simulator import execute
graph = load_graph(sys.argv[1])
program, images = program_of(graph), random_images(graph)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
execute(program, images, 4, sys.argv[2])
assert "torch" not in sys.modules
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def print_tables(*, quick: bool = False) -> None:
    """Peak resident memory before and after a run, T = 4, one image, against the size of the weights."""
    shapes = {"ViT-Ti/16": (192, 3), "ViT-S/16": (384, 6), "ViT-B/16": (768, 12)}
    rows = []
    for name, (width, heads) in shapes.items():
        if quick and name == "ViT-B/16":
            continue
        graph = network(width=width, heads=heads)
        parameters = sum(array.size for array in graph.arrays.values())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph.spk"
            save_graph(graph, path)
            for numeric in ("float32", "int8"):
                command = [sys.executable, "-c", PROGRAM, str(path), numeric]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                before, peak = (int(kib) * 1024 for kib in done.stdout.split())
                rows.append((name, numeric, *_cells(parameters, before, peak)))
    header = ("model", "format", "M parameters", "weights MB", "mapped MB", "peak MB", "bytes a parameter", "above weights MB")
    print_table("Peak memory, execution alone, T = 4, one image", header, rows)


def _cells(parameters: int, before: int, peak: int) -> tuple[str, ...]:
    weights = 4 * parameters
    return (
        f"{parameters / 1e6:.1f}",
        *(f"{size / 1e6:.0f}" for size in (weights, before, peak)),
        f"{peak / parameters:.1f}",
        f"{(peak - weights) / 1e6:.0f}",
    )
