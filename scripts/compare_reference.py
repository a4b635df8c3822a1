"""Holds an executed ViT-Ti/16 against what the method's published code computed on the same ImageNet images.

Prints, step by step, energy ratios, top-1 and correlation with the ANN beside the published code's, then the nodes whose counts
differ most. With preset ``released`` the published thresholds are injected and, over the whole set, the limits below are
enforced: exit code 1 where one is broken. With preset ``paper``, whose thresholds come from the calibration images, or with fewer
images the comparison only informs. Needs the extra `convert`; the whole set takes about two minutes on two cores::

    python scripts/compare_reference.py --reference FOLDER [--preset paper] [--images 16] [--steps 4]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import convert
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import load_images, open_folder, source_of
from synaptile.conversion.weights import load_timm
from synaptile.energy import price
from synaptile.foundation.options import Preset
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute

MODEL = "vit_tiny_patch16_224"
CHIP = "ecmt45"
CROP_FRACTION = 224 / 227.5  # the images are stored at 227 x 227, to be cropped but not resized
RATIO_LIMIT, NODE_LIMIT = 0.005, 0.01
TOP1_LIMIT, TOP1_FROM = 3, 8
CORRELATION_LIMIT, CORRELATION_FROM = 0.005, 4
ANN_IMAGES, ANN_LIMIT = 4, 0.01
WORST_NODES = 10


@dataclass(frozen=True)
class Published:
    """What the published code computed: arrays by name, and the number of images its counts are summed over."""

    arrays: dict[str, Array]
    images: int

    @property
    def thresholds(self) -> dict[str, tuple[float, float, int]]:
        """(theta1, theta2, n) of each site."""
        prefix = "threshold/"
        return {
            name.removeprefix(prefix): (float(a[0]), float(a[1]), int(a[2]))
            for name, a in self.arrays.items()
            if name.startswith(prefix)
        }

    def mean_logits(self, images: int, steps: int) -> Array:
        """Shape (steps, images, classes)."""
        return np.asarray(self.arrays["snn_cumulative_logits"][:steps, :images] / np.arange(1, steps + 1)[:, None, None])


@dataclass(frozen=True)
class Agreement:
    """Ours beside the published code's, by step.

    `nodes` holds the relative errors of released counts, (nodes, steps), `totals` those of their sums over all steps, (nodes,).
    """

    ratios: dict[str, Array]
    published_ratio: Array
    top1: tuple[Array, Array]
    correlation: tuple[Array, Array]
    nodes: Array
    totals: Array

    @property
    def ratio_error(self) -> Array:
        """Relative error of the released ratio, (steps,)."""
        return np.asarray(self.ratios["released"] / self.published_ratio - 1)


def compare(activity: Activity, published: Published, labels: Array) -> Agreement:
    """Ratios, counts and logits of a run beside the published ones."""
    steps, images, accounting = activity.steps, activity.images, activity.accounting
    report = price(activity, activity.program.chip)
    ours, theirs = activity.logits, published.mean_logits(images, steps)
    ann = published.arrays["ann_logits"][:images].ravel()
    counted = accounting.released.sum(axis=2)
    expected = np.stack([published.arrays[f"ops/{node}"][:steps, 0] for node in accounting.nodes]) * (images / published.images)
    return Agreement(
        {name: report.ratios(name) for name in ("eq30", "released", "executed")},
        published.arrays["energy_ratio"][:steps],
        (_hits(ours, labels), _hits(theirs, labels)),
        (_correlation(ours, ann), _correlation(theirs, ann)),
        counted / expected - 1,
        counted.sum(axis=1) / expected.sum(axis=1) - 1,
    )


def broken_limits(found: Agreement) -> list[str]:
    """One line a limit that does not hold; a node's count is its sum over all steps."""
    broken = []
    if (worst := float(np.abs(found.ratio_error).max())) > RATIO_LIMIT:
        broken.append(f"ratio error {worst:.3%}, limit {RATIO_LIMIT:.1%}")
    if (over := np.abs(found.totals) > NODE_LIMIT).any():
        broken.append(f"counts of {over.sum()} nodes differ by up to {np.abs(found.totals).max():.2%}, limit {NODE_LIMIT:.0%}")
    misses = np.abs(found.top1[0] - found.top1[1])[TOP1_FROM - 1 :]
    if misses.size and misses.max() > TOP1_LIMIT:
        broken.append(f"top-1 differs by {misses.max()} images, limit {TOP1_LIMIT} from step {TOP1_FROM}")
    gap = (found.correlation[1] - found.correlation[0])[CORRELATION_FROM - 1 :]
    if gap.size and gap.max() > CORRELATION_LIMIT:
        broken.append(
            f"correlation with the ANN lower by {gap.max():.4f}, limit {CORRELATION_LIMIT} from step {CORRELATION_FROM}"
        )
    return broken


def step_table(found: Agreement, images: int) -> Table:
    """One row a step."""
    table = Table(title="Energy ratio, top-1 and correlation of the mean logits with the ANN's, by step")
    for name in ("T", "eq30", "released", "published", "error", "executed", "top-1", "published", "corr.", "published"):
        table.add_column(name, justify="right")
    for i, published in enumerate(found.published_ratio):
        ratios = {name: f"{values[i]:.4f}" for name, values in found.ratios.items()}
        table.add_row(
            str(i + 1),
            ratios["eq30"],
            ratios["released"],
            f"{published:.4f}",
            f"{found.ratio_error[i]:+.3%}",
            ratios["executed"],
            *(f"{hits[i]}/{images}" for hits in found.top1),
            *(f"{values[i]:.4f}" for values in found.correlation),
        )
    return table


def node_table(found: Agreement, nodes: tuple[str, ...]) -> Table:
    """The nodes whose released counts differ most at one step."""
    worst = np.abs(found.nodes).max(axis=1)
    over = np.abs(found.nodes) > NODE_LIMIT
    several = int((over.sum(axis=1) > 1).sum())
    title = (
        f"{int(over.any(axis=1).sum())} of {len(nodes)} nodes differ by more than {NODE_LIMIT:.0%} at some step, "
        f"{several} of them at more than one; summed over the steps by at most {np.abs(found.totals).max():.2%}; the worst"
    )
    table = Table(title=title)
    for name in ("node", "step", "error", "steps over", "summed"):
        table.add_column(name, justify="left" if name == "node" else "right")
    for i in np.argsort(-worst)[:WORST_NODES]:
        step = int(np.abs(found.nodes[i]).argmax())
        table.add_row(nodes[i], str(step + 1), f"{found.nodes[i, step]:+.2%}", str(int(over[i].sum())), f"{found.totals[i]:+.2%}")
    return table


def converted(reference: Path, preset: Preset, published: Published) -> SpikingGraph:
    """The model with the published thresholds (released) or with thresholds from the calibration images (paper)."""
    model = load_timm(MODEL, reference / f"{MODEL}_in1k.safetensors")
    if preset == "released":
        return convert(model, preset=preset, thresholds=published.thresholds)
    return convert(model, reference / "images" / "calibration", preset=preset)


def main() -> int:
    """Run the comparison; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reference", type=Path, required=True, help="folder with the weights, images and published results")
    parser.add_argument("--preset", choices=("released", "paper"), default="released")
    parser.add_argument("--images", type=int, default=64, help="the first so many images")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--numeric", choices=("float32", "float64", "int8"), default="float32")
    arguments = parser.parse_args()
    with np.load(arguments.reference / "vit_tiny_ecmt.npz") as stored:
        published = Published({name: stored[name] for name in stored.files}, len(stored["labels"]))
    if not 1 <= arguments.images <= published.images or not 1 <= arguments.steps <= len(published.arrays["energy_ratio"]):
        parser.error(f"published are 1 to {published.images} images and 1 to {len(published.arrays['energy_ratio'])} steps")
    graph = converted(arguments.reference, arguments.preset, published)
    folder = open_folder(arguments.reference / "images" / "val")
    images = load_images(folder.paths[: arguments.images], replace(source_of(graph), crop_fraction=CROP_FRACTION))
    ann_error = float(
        np.abs(ann_forward(graph, images[:ANN_IMAGES]) - published.arrays["ann_logits"][: len(images)][:ANN_IMAGES]).max()
    )
    program = map_graph(graph, load_chip(CHIP), placement="row_major")
    start = time.perf_counter()
    activity = execute(program, images, arguments.steps, arguments.numeric)
    seconds = time.perf_counter() - start
    found = compare(activity, published, folder.labels[: len(images)])
    console = Console(width=120)
    console.print(f"{MODEL}, preset {arguments.preset}, {len(images)} images, {arguments.numeric}: executed in {seconds:.1f} s")
    console.print(f"the ANN's own logits differ from the published ones by at most {ann_error:.2g}")
    console.print(step_table(found, len(images)))
    console.print(node_table(found, activity.accounting.nodes))
    if arguments.preset != "released" or len(images) < published.images:
        return 0
    broken = broken_limits(found)
    if ann_error > ANN_LIMIT:
        broken.append(f"the ANN's logits differ by {ann_error:.2g}, limit {ANN_LIMIT}: other weights or other preprocessing")
    console.print("\n".join(broken) or "every limit holds")
    return 1 if broken else 0


def _hits(logits: Array, labels: Array) -> Array:
    """Images classified correctly at each step."""
    return np.asarray((logits.argmax(axis=2) == labels).sum(axis=1))


def _correlation(logits: Array, ann: Array) -> Array:
    """Pearson correlation over all images and classes, at each step."""
    return np.array([np.corrcoef(step.ravel(), ann)[0, 1] for step in logits])


if __name__ == "__main__":
    sys.exit(main())
