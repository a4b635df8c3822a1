"""Three conversions of the embedded digits on the reference chip: one table of accuracy and energy per step, one figure.

Some three minutes on one core::

    python scripts/compare_digits_methods.py [--out docs/figures/digits_methods]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.differential import Differential
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.spikezip import load_qann, qann_levels
from synaptile.data import DIGITS_GRAPH, DIGITS_QANN, embedded_digits, preprocess_digits
from synaptile.energy import price
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report import MethodRun, method_figure, method_steps_table, method_table
from synaptile.simulator import execute

STEPS = 64
SHOWN = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)


def main() -> None:
    """Runs both, prints the tables, draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/figures/digits_methods"), help="figure, without its ending")
    parser.add_argument("--images", type=int, default=200)
    arguments = parser.parse_args()
    test = embedded_digits("test")
    images, labels = preprocess_digits(test.images)[: arguments.images].astype(np.float64), test.labels[: arguments.images]
    chip, lowered = load_chip("ecmt45"), load_graph(DIGITS_GRAPH)
    graphs: dict[str, SpikingGraph] = {
        "ECMT": calibrate(lowered, preprocess_digits(embedded_digits("calibration").images)),
        "SpikeZIP": load_qann(DIGITS_QANN, lowered),
        "differential": Differential().apply(lowered, preprocess_digits(embedded_digits("calibration").images)),
    }
    runs = []
    for name, graph in graphs.items():
        activity = execute(map_graph(graph, chip, seed=0), images, STEPS, "float64", keep_spikes=0)
        runs.append(MethodRun(name, price(activity, chip), ann_forward(graph, images), labels))
        if activity.settled is not None:
            logits, levels = qann_levels(graph, images)
            print(
                f"{name}: settled at steps {activity.settled.min()} to {activity.settled.max()} "
                f"(mean {activity.settled.mean():.1f}); "
                f"logits differ from the QANN's by {np.abs(activity.logits[-1] - logits).max():.1e}; "
                f"{sum(int(r.events.sum()) for r in activity.spikes.values()) / len(images):,.0f} spikes an image, "
                f"{sum(int(np.abs(x).sum()) for x in levels.values()) / len(images):,.0f} by the quantisers' integers"
            )
    console = Console(width=110)
    for agreement in (0.9, 0.97, 0.99, 1.0):
        console.print(method_table(runs, agreement))
    console.print(method_steps_table(runs, "executed", SHOWN))
    console.print(method_steps_table(runs, "eq30", SHOWN))
    print(*method_figure(runs, arguments.out))


if __name__ == "__main__":
    main()
