"""Spiking transformers at their published sizes, random weights: ``python -m benchmarks.trained [--jelly]``.

Each is run in PyTorch, with SpikingJelly's neurons where asked, and here event by event in float64: spikes that differ, seconds
of each stage, accumulates beside the authors' formula (firing rate x steps x MACs of the layer), SNN over ANN through each rung.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import synaptile as st
from benchmarks.measure import print_table
from examples.spiking_transformers import LIFNode, QKFormer, SpikeDrivenTransformer, Spikformer, calibrated

STEPS, PIXELS = 4, 32
MODELS: dict[str, Any] = {
    "Spikformer-4-384": Spikformer,
    "Spike-driven Transformer-2-512": SpikeDrivenTransformer,
    "QKFormer-4-384": QKFormer,
}
GAIN, SHIFT = 1.5, 0.2
"""Of every BatchNorm, for random weights to fire at rates of some tenths."""
AXONS = 1 << 18
"""Per core, assumed: a convolution addresses every neuron in front of it."""
RUNGS = ("eq30", "executed", "memory", "noc", "static")


def network(kind: Any, node: Any) -> Any:
    """A model in evaluation mode, its BatchNorm statistics those of one image; and that image."""
    torch.manual_seed(0)
    model = kind(steps=STEPS, node=node).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, GAIN)
            nn.init.constant_(module.bias, SHIFT)
    image = torch.rand(1, 3, PIXELS, PIXELS, dtype=torch.float64) * 2 - 1
    return calibrated(model, image), image


def fired(model: Any, image: Tensor) -> tuple[dict[str, Tensor], np.ndarray]:
    """Spikes of every neuron by module, (steps, ...), and logits, by PyTorch; membranes start and end at rest."""
    found: dict[str, Tensor] = {}
    neurons = {name: module for name, module in model.named_modules() if hasattr(module, "v_threshold")}
    hooks = [module.register_forward_hook(partial(_keep, found, name)) for name, module in neurons.items()]
    with torch.no_grad():
        logits = model(image).numpy()
    for hook in hooks:
        hook.remove()
    for module in neurons.values():
        getattr(module, "reset", lambda: None)()
    return found, logits


def _keep(found: dict[str, Tensor], name: str, _module: Any, _inputs: Any, output: Tensor) -> None:
    found[name] = output


def formula(activity: st.Activity) -> dict[str, float]:
    """Accumulates executed over those of the authors' formula, by kind of layer."""
    graph, ours, theirs = activity.program.graph, Counter[str](), defaultdict[str, float](float)
    for at, name in enumerate(activity.accounting.nodes):
        node: Any = graph.nodes[name]
        product = node.kind == "spike_attention"
        kind = f"{node.kind} {'x'.join(map(str, node.kernel))}" if hasattr(node, "kernel") else node.kind
        for port in node.inputs[:2] if product else node.inputs:
            source = graph.nodes[port.node]
            rate = activity.spikes[port.node].events.sum() / source.size
            theirs[kind] += float(rate) * (node.macs / 2 if product else node.macs)
        ours[kind] += int(activity.accounting.eq30[at].sum())
    return {kind: ours[kind] / count for kind, count in theirs.items() if count}


def main() -> None:
    """Run the models one after the other; exit status 1 where a spike differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trained", description=__doc__)
    parser.add_argument("--jelly", action="store_true", help="SpikingJelly's LIF neurons in PyTorch")
    parser.add_argument("--only", choices=MODELS, help="one of them")
    options = parser.parse_args()
    node: Any = LIFNode
    if options.jelly:
        from spikingjelly.activation_based import neuron

        node = partial(neuron.LIFNode, step_mode="m")
    chip = st.load_chip("ecmt45")
    chip = replace(chip, synapse_core=replace(chip.synapse_core, max_axons=AXONS))
    wrong = 0
    for name in [options.only] if options.only else MODELS:
        model, image = network(MODELS[name], node)
        wrong += _compare(name, model, image, chip)
    if wrong:
        raise SystemExit(f"{wrong:,} spikes differ")


def _compare(name: str, model: Any, image: Tensor, chip: st.Chip) -> int:
    theirs, logits = fired(model, image)
    seconds, then = {}, time.perf_counter()

    def took(stage: str) -> None:
        nonlocal then
        now = time.perf_counter()
        seconds[stage], then = now - then, now

    graph = st.from_torch_snn(model, tuple(image.shape), STEPS)
    took("convert")
    program = st.map_graph(graph, chip, seed=0)
    took("map")
    activity = st.execute(program, image.numpy(), STEPS, "float64")
    took("execute")
    timeline = st.schedule(activity)
    took("schedule")
    report = st.price(activity, chip, timeline=timeline)
    took("price")
    spikes = differ = 0
    for module, expected in theirs.items():
        here = activity.spikes[module].fired(graph.nodes[module].width)[:, 0].reshape(-1)
        differ += int((here != expected.numpy().reshape(-1)).sum())
        spikes += int(here.sum())
    off = float(np.abs(activity.logits[-1] - logits).max())
    rows = [("spikes", f"{spikes:,}"), ("that differ", f"{differ:,}"), ("logits differ by at most", f"{off:.1e}")]
    rows += [(f"{stage}, s", f"{value:.1f}") for stage, value in seconds.items()]
    rows += [(f"SNN / ANN, {rung}", f"{report.ratio(rung):.3f}") for rung in RUNGS]
    rows += [(f"accumulates of {kind}, over the authors' formula", f"{ratio:.3f}") for kind, ratio in formula(activity).items()]
    cores = program.cores.kind.size
    print_table(f"{name}, T = {STEPS}, {PIXELS} x {PIXELS}, float64, {cores} cores of {chip.name}", ("", ""), rows)
    return differ


if __name__ == "__main__":
    main()
