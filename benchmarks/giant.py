"""EVA-g (40 blocks, 577 tokens) from the command line: time and peak memory of convert, map and run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import print_table, run_child

MODEL, CALIBRATION_IMAGES = "eva_giant_patch14_336", 2
SHORT = 4
"""Blocks of the quick stand-in."""
LIMITS = {"convert": ("", "6.0"), "map": ("20", ""), "run": ("45", "")}
"""Seconds and GiB that may be taken by all 40 blocks."""


def print_tables(*, quick: bool = False) -> None:
    """Each stage in a process of its own; random weights, two images of noise, T = 4 of one with schedule and report."""
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(0)
        images = folder / "images"
        images.mkdir()
        for number in range(CALIBRATION_IMAGES):
            Image.fromarray(rng.integers(0, 256, (336, 336, 3), dtype=np.uint8)).save(images / f"{number}.png")
        graph, program = str(folder / "g.spk"), str(folder / "g.map")
        short = ["--depth", str(SHORT)] if quick else []
        calibrated = ["--random-weights", "0", "--calibration", str(images), "--batch-size", "1"]
        stages = {
            "convert": ["convert", MODEL, *calibrated, *short, "-o", graph],
            "map": ["map", graph, "--chip", "ecmt45", "-o", program],
            "run": ["run", program, "--images", str(images), "-T", "4", "--limit", "1", "-o", str(folder / "out")],
        }
        rows = []
        for stage, arguments in stages.items():
            took = run_child([sys.executable, "-m", "synaptile", *arguments])
            rows.append((stage, f"{took.cpu:.1f}", f"{took.wall:.1f}", LIMITS[stage][0], f"{took.peak:.2f}", LIMITS[stage][1]))
    header = ("stage", "CPU s", "wall s", "limit s", "peak GiB", "limit GiB")
    print_table(f"{MODEL}, {SHORT if quick else 40} blocks", header, rows)
