"""Fine-tunes the embedded model's 32-level QANN for SpikeZIP-TF: writes ``digits_qann.safetensors`` into ``synaptile/data``.

Calibrates on the embedded calibration digits, tunes on the training split with a weaker form of the ANN's augmentation. Needs
the extras `convert` and `dev`; takes about two minutes on one core::

    python scripts/tune_digits_qann.py [--out FOLDER]
"""

from __future__ import annotations

import numpy as np
from train_digits import (  # type: ignore[import-not-found]  # the script beside this one, on the path when this one runs
    Jitter,
    Split,
    balanced_rows,
    jittered,
    output_folder,
    preprocess,
    split_digits,
)

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.spikezip import calibrate_spikezip, save_qann
from synaptile.conversion.spikezip.finetune import TuningRecipe, fine_tune
from synaptile.data import DIGITS_GRAPH

LEVELS = 32
RECIPE = TuningRecipe(epochs=30, batch=64, learning_rate=4e-4, weight_decay=0.01, distillation=0.5, temperature=2.0, seed=0)
JITTER = Jitter(degrees=8.0, scale=0.05, shear=0.08, shift_pixels=0.5)


def correct(graph: SpikingGraph, split: Split) -> int:
    """How many images of `split` the dense network classifies rightly."""
    return int(np.sum(ann_forward(graph, preprocess(split.images).numpy()).argmax(axis=1) == split.labels))


def main() -> None:
    """Calibrates, tunes, measures and writes."""
    out = output_folder(__doc__)

    training, test = split_digits()
    embedded = test.take(balanced_rows(test.labels, 200))
    calibration = preprocess(training.take(balanced_rows(training.labels, 128)).images).numpy()
    ann = load_graph(DIGITS_GRAPH)
    before = calibrate_spikezip(ann, calibration, levels=LEVELS)
    tuned = fine_tune(
        before,
        preprocess(training.images).numpy(),
        training.labels,
        recipe=RECIPE,
        teacher=ann,
        augment=lambda images, generator: jittered(images, JITTER, generator),
        progress=lambda done, total: print(f"epoch {done}/{total}", flush=True),
    )
    save_qann(tuned, out / "digits_qann.safetensors")
    for name, split in (("test split", test), ("embedded test", embedded)):
        figures = ", ".join(
            f"{label} {correct(graph, split)}" for label, graph in (("ANN", ann), ("QANN before", before), ("QANN", tuned))
        )
        print(f"{name}, of {len(split.labels)}: {figures}")


if __name__ == "__main__":
    main()
