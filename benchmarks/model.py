"""A whole ViT-S/16, T = 4, one image, with all counts: events against one ANN pass and against the dense spiking network."""

from __future__ import annotations

import os
from typing import Any

import numba
import timm
import torch

from benchmarks.dense_torch import DenseNetwork
from benchmarks.measure import Figures, print_table, time_in_turn
from benchmarks.profile_nodes import profile
from benchmarks.workloads import network, program_of, random_images
from synaptile.simulator import execute

STEPS = 4


def print_tables(*, quick: bool = False) -> Figures:
    """Times of a run by every means, then where the time of the event-driven one goes; for the history, in passes of the ANN."""
    figures: Figures = {}
    threads = min(numba.get_num_threads(), os.cpu_count() or 1, 2)
    before = torch.get_num_threads()
    try:
        for count in sorted({1, threads}):
            torch.set_num_threads(count)
            figures |= _print_times(count, 3 if quick else 7)
    finally:
        torch.set_num_threads(before)
    return figures


def _print_times(threads: int, rounds: int) -> Figures:
    graph = network()
    program, images = program_of(graph), random_images(graph)
    ann = timm.create_model("vit_small_patch16_224").eval()
    dense, pixels = DenseNetwork(graph), torch.from_numpy(images)

    def ann_pass() -> Any:
        with torch.inference_mode():
            return ann(pixels)

    timings = time_in_turn(
        {
            "ANN, one pass (PyTorch)": ann_pass,
            "SNN, dense (PyTorch, no counts)": lambda: dense.run(images, STEPS),
            "SNN, events, float32, all counts": lambda: execute(program, images, STEPS, threads=threads),
            "SNN, events, int8, all counts": lambda: execute(program, images, STEPS, "int8", threads=threads),
        },
        rounds,
        wall=threads > 1,
    )
    one = timings["ANN, one pass (PyTorch)"]
    rows = [
        (name, f"{t.best * 1e3:.0f}", f"{t.median * 1e3:.0f}", f"{t.best / one.best:.1f}", f"{t.median / one.median:.1f}")
        for name, t in timings.items()
    ]
    clock = "CPU time" if threads == 1 else "wall time"
    header = ("what", "best ms", "median ms", "x ANN pass", "median x")
    print_table(f"ViT-S/16, random weights, T = {STEPS}, one image, {threads} thread(s), {clock}", header, rows)
    found, density = profile(program, images, STEPS, threads)
    total = sum(found.values())
    shares = [(kind, f"{s * 1e3:.0f}", f"{s / total:.0%}") for kind, s in sorted(found.items(), key=lambda item: -item[1])]
    print_table(
        f"Where it goes, float32, {threads} thread(s), {density:.0%} of neurons spike", ("node kind", "ms", "share"), shares
    )
    return {f"{name}, {threads} thread(s), ANN passes": t.best / one.best for name, t in timings.items() if t is not one}
