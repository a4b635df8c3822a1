"""The same run on what narrower processors have: kernels compiled without AVX-512, without AVX, one thread, CPU time.

Numba compiles for the processor that it finds; here child processes are told of others, each with a cache of its own. PyTorch
chooses for itself and always takes what the machine has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import timm
import torch

from benchmarks.dense_torch import DenseNetwork
from benchmarks.measure import Figures, print_table, time_in_turn
from benchmarks.workloads import network, program_of, random_images
from synaptile.simulator import execute
from synaptile.simulator.kernels import machine

STEPS = 4
PROCESSORS: dict[str, dict[str, str]] = {
    "this machine": {},
    "AVX2 and FMA": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt",
    },
    "generic": {"NUMBA_CPU_NAME": "generic"},
}
"""What Numba is told; a name alone would leave it the features of this machine, but for `generic`."""
CHILD = "import json, sys; from benchmarks.processors import measure_here; print(json.dumps(measure_here(int(sys.argv[1]))))"
DENSE = "SNN, dense (PyTorch)"


def measure_here(rounds: int) -> dict[str, Any]:
    """Seconds of a run of ViT-S/16 by each means in this process, and what its kernels are compiled for."""
    torch.set_num_threads(1)
    graph = network()
    program, samples = program_of(graph), random_images(graph)
    ann, pixels = timm.create_model("vit_small_patch16_224").eval(), torch.from_numpy(samples)
    dense = DenseNetwork(graph)

    def ann_pass() -> Any:
        with torch.inference_mode():
            return ann(pixels)

    candidates = {
        "ANN pass": ann_pass,
        DENSE: lambda: dense.run(samples, STEPS),
        "float32": lambda: execute(program, samples, STEPS, "float32", threads=1),
        "int8": lambda: execute(program, samples, STEPS, "int8", threads=1),
    }
    timings = time_in_turn(candidates, rounds)
    paths = {"compress": machine.COMPRESSES, "compress bytes": machine.COMPRESSES_BYTES, "dot bytes": machine.HAS_DOT}
    uses = [f"{machine.VECTOR_BITS} bit", *(["fma"] if machine.HAS_FMA else []), *(name for name, has in paths.items() if has)]
    return {"uses": ", ".join(uses), "seconds": {name: timing.best for name, timing in timings.items()}}


def measure(*, quick: bool = False) -> dict[str, dict[str, Any]]:
    """`measure_here` in a process for each kind of processor."""
    found = {}
    for name, told in PROCESSORS.items():
        own = (
            {"NUMBA_CACHE_DIR": str(Path(tempfile.gettempdir()) / f"synaptile-kernels-{told['NUMBA_CPU_NAME']}")} if told else {}
        )
        command = [sys.executable, "-c", CHILD, "3" if quick else "5"]
        done = subprocess.run(command, env=os.environ | told | own, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_tables(*, quick: bool = False) -> Figures:
    """Times on each, and how much faster than the dense network, which is for the history."""
    rows, figures = [], Figures()
    for name, run in measure(quick=quick).items():
        seconds = run["seconds"]
        figures |= {f"kernels for {name}, {what}, x dense SNN": seconds[DENSE] / seconds[what] for what in ("float32", "int8")}
        times = (f"{1e3 * seconds[what]:.0f}" for what in seconds)
        rows.append((name, run["uses"], *times, *(f"{seconds[DENSE] / seconds[what]:.1f}" for what in ("float32", "int8"))))
    header = ("kernels for", "vector paths", "ANN ms", "dense SNN ms", "float32 ms", "int8 ms", "dense / float32", "dense / int8")
    print_table(f"ViT-S/16, T = {STEPS}, one image, all counts, one thread, CPU time", header, rows)
    return figures
