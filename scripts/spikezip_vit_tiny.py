"""ViT-Ti/16 by SpikeZIP-TF after training: accuracy of the QANN, and whether the spiking network settles on it exactly.

Reads the reference data (weights, calibration and validation images); some 15 minutes on one core::

    python scripts/spikezip_vit_tiny.py ../shared/reference [--levels 32] [--images 1] [--steps 120]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import lower_model
from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.conversion.images import load_images, open_folder, source_of
from synaptile.conversion.spikezip import calibrate_spikezip, qann_levels
from synaptile.conversion.weights import load_timm
from synaptile.simulator import reference

MODEL = "vit_tiny_patch16_224"
CROP = 224 / 227.5


def rectified(graph: SpikingGraph) -> SpikingGraph:
    """The network with ReLU for GELU and nothing quantised: what the exchange alone costs."""
    nodes = [
        dataclasses.replace(n, function="relu") if isinstance(n, ECUnit) and n.function == "gelu" else n
        for n in graph.nodes.values()
    ]
    return SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata)


def main() -> None:
    """Calibrates, measures and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="reference data")
    parser.add_argument("--levels", type=int, default=32)
    parser.add_argument("--images", type=int, default=1, help="images to run spiking, float64")
    parser.add_argument("--steps", type=int, default=120)
    arguments = parser.parse_args()

    lowered = lower_model(load_timm(MODEL, arguments.data / f"{MODEL}_in1k.safetensors"))
    how = dataclasses.replace(source_of(lowered), crop_fraction=CROP)
    calibration = load_images(open_folder(arguments.data / "images" / "calibration").paths, how)
    folder = open_folder(arguments.data / "images" / "val")
    images = load_images(folder.paths, how)
    qann = calibrate_spikezip(lowered, calibration, levels=arguments.levels)
    for name, graph in (("ANN", lowered), ("ANN, ReLU for GELU", rectified(lowered)), (f"QANN, {arguments.levels} levels", qann)):
        logits = np.concatenate([ann_forward(graph, images[i : i + 8]) for i in range(0, len(images), 8)])
        print(f"{name}: {(logits.argmax(axis=1) == folder.labels).sum()} of {len(images)} right", flush=True)
    chosen = images[: arguments.images].astype(np.float64)
    logits, levels = qann_levels(qann, chosen)
    started = time.perf_counter()
    run = reference(qann, chosen, arguments.steps)
    counted = {site.name: np.rint(run.spikes[site.name].sum(axis=0) / site.theta1) for site in qann.sites}
    differing = sum(int((counted[site] != levels[site]).sum()) for site in levels)
    print(
        f"settled at {run.settled}, {differing} of {sum(x.size for x in levels.values()):,} counts differ, "
        f"logits differ by {np.abs(run.logits[-1] - logits).max():.1e}; {time.perf_counter() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
