"""One spiking network in Synaptile and in SpikingJelly 2.0's `op_counter`: spikes, accumulates, words of memory, energy.

``python -m benchmarks.spikingjelly_counts`` (``pip install spikingjelly==2.0.0``) prints the table and writes
``spikingjelly_counts.json`` beside it, which a test compares where SpikingJelly is not installed. Two convolutions, one with a
border, and a dense layer, IF neurons without bias; weights are multiples of 1/16 and thresholds lie between them, so that both
compute the same spikes in float32.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from synaptile.conversion.graph import Convolution2d, IFNeurons, Node, Port, ReadOut, SpikeSource, SpikingGraph, Synapse
from synaptile.energy import price
from synaptile.energy.energy_report import EnergyReport
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute

STEPS, RATE = 8, 0.2
SIZES = {"input": 288, "if1": 576, "if2": 200, "if3": 10}
SHAPES = {"conv1": (4, 2, 3, 3), "conv2": (8, 4, 3, 3), "fc": (10, 200)}
RECORDED = Path(__file__).with_name("spikingjelly_counts.json")


def weights() -> dict[str, Array]:
    """Of each layer, multiples of 1/16."""
    rng = np.random.default_rng(0)
    return {name: rng.choice([w for w in range(-4, 7) if w], shape) / 16 for name, shape in SHAPES.items()}


def trains() -> Array:
    """Input spikes, shape (steps, 1, neurons)."""
    return (np.random.default_rng(1).random((STEPS, 1, SIZES["input"])) < RATE).astype(np.float32)


def network() -> SpikingGraph:
    """2 x 12 x 12 pixels; 4 channels of 3 x 3, padded; 8 of 3 x 3, stride 2; 10 neurons."""
    port = {site: Port(site, 0, size) for site, size in SIZES.items()}
    layers: list[Node] = [
        Convolution2d("conv1", (port["input"],), (1, 576), (2, 12, 12), (3, 3), padding=(1, 1)),
        Convolution2d("conv2", (port["if1"],), (1, 200), (4, 12, 12), (3, 3), stride=(2, 2)),
        Synapse("fc", (port["if2"],), (1, 10), 200),
    ]
    nodes: list[Node] = [SpikeSource("input", (), (1, 288), (2, 12, 12))]
    arrays: dict[str, Array] = {}
    for layer, (site, size) in zip(layers, list(SIZES.items())[1:], strict=True):
        nodes += [layer, IFNeurons(site, (Port(layer.name, 0, size),), (1, size), "value")]
        arrays |= {f"{layer.name}.weight": weights()[layer.name], f"{layer.name}.bias": np.zeros(len(weights()[layer.name]))}
        arrays |= {f"{site}.r": np.ones(size), f"{site}.v_threshold": np.full(size, 31 / 32), f"{site}.v_reset": np.zeros(size)}
    nodes.append(ReadOut("output", (port["if3"],), (1, 10), law="sum", off_chip=True))
    return SpikingGraph.build("spikingjelly", nodes, arrays)


def ours() -> tuple[Activity, EnergyReport]:
    """The network on `ecmt45`."""
    chip = load_chip("ecmt45")
    activity = execute(map_graph(network(), chip), trains(), STEPS, keep_spikes=1)
    return activity, price(activity, chip)


def from_ours(activity: Activity, report: EnergyReport) -> dict[str, float]:
    """SpikingJelly's figures made of ours: its rules, and what they leave out.

    `synops`, the two `simple` rows and SpikeSim's rows are our accumulates and words as they are. Lemaire et al. give a spike the
    kernel's whole fan-out, over the border too; of a stride they count ceil(kernel / stride) operations per side, yet all of the
    kernel's words.
    """
    words = {
        f"{line.node} {line.role}": 2 * line.count for line in report.lines(accounting="memory")
    }  # two of 32 bits a 64-bit access
    adds = {line.node: line.count for line in report.lines() if line.role == "synapse rows"}
    spikes = {site: int(activity.spikes[site].histogram.sum()) for site in SIZES}
    updates = STEPS * sum(SIZES[site] for site in ("if1", "if2", "if3"))
    fan_out = spikes["input"] * 4 * 9 + spikes["if1"] * 8 * 9 + spikes["if2"] * 10
    operations = spikes["input"] * 4 * 9 + spikes["if1"] * 8 * 4 + spikes["if2"] * 10
    weight_words = sum(words[f"{layer} weight rows"] for layer in SHAPES)
    state_words = [sum(words[f"{site} membrane {way}"] for site in ("if1", "if2", "if3")) for way in ("read", "write")]
    fired = spikes["if1"] + spikes["if2"] + spikes["if3"]
    return {
        **{f"spikes {site}": count for site, count in spikes.items()},
        **{f"synops {layer}": count for layer, count in adds.items()},
        "simple weight_read_bytes": 4 * weight_words,
        "simple neuron_state_read_bytes": 4 * state_words[0],
        "simple neuron_state_write_bytes": 4 * state_words[1],
        "simple memory_pj": 24.96 * 4 * (weight_words + sum(state_words)),
        "spikesim conv1 active_row_count": adds["conv1"] / 4,
        "spikesim conv2 active_row_count": adds["conv2"] / 8,
        "lemaire synop": operations,
        "lemaire ac": operations + fired,
        "lemaire read_params_bytes": 4 * fan_out,
        "lemaire read_potential_bytes": 4 * (fan_out + updates),
        "lemaire write_potential_bytes": 4 * (fan_out + updates),
        "lemaire read_in_bytes": 4 * (spikes["input"] + spikes["if1"] + spikes["if2"]),
        "lemaire write_out_bytes": 4 * fired,
        "lemaire params_pj": sum(4 * words * _lemaire_pj(4 * size) for words, size in _lemaire_layers(spikes)),
    }


def _lemaire_layers(spikes: dict[str, int]) -> list[tuple[int, int]]:
    """Words read of each layer's weights, and how many there are."""
    fan_out = (spikes["input"] * 36, spikes["if1"] * 72, spikes["if2"] * 10)
    return list(zip(fan_out, (int(np.prod(shape)) for shape in SHAPES.values()), strict=True))


def _lemaire_pj(size_bytes: float) -> float:
    """Energy of a byte of a memory up to 8 KiB: Horowitz's 10 pJ, there of 64 bits, for 32, on a line from nothing."""
    return 10 / 4 * size_bytes / 8192


def theirs() -> dict[str, float]:
    """The same figures by SpikingJelly."""
    import torch
    from spikingjelly.activation_based import functional, neuron, op_counter
    from torch import nn

    layers = [nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.Conv2d(4, 8, 3, stride=2, bias=False), nn.Linear(200, 10, bias=False)]
    for layer, weight in zip(layers, weights().values(), strict=True):
        layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    fire = [neuron.IFNode(31 / 32, 0.0) for _ in layers]
    net = nn.Sequential(layers[0], fire[0], layers[1], fire[1], nn.Flatten(), layers[2], fire[2])

    class Steps(nn.Module):
        """All steps, one after the other."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any) -> Any:
            """Spikes of the last layer, (steps, 1, 10)."""
            return torch.stack([self.net(image) for image in x])

    model, shown = Steps().eval(), torch.tensor(trains()).reshape(STEPS, 1, 2, 12, 12)
    fired = [0.0] * 3
    hooks = [one.register_forward_hook(lambda _m, _i, out, at=at: _count(fired, at, out)) for at, one in enumerate(fire)]
    counter = op_counter.SynOpCounter()
    with torch.no_grad(), op_counter.DispatchCounterMode([counter], strict=False):
        model(shown)
    for hook in hooks:
        hook.remove()
    functional.reset_net(net)
    simple = op_counter.estimate_simple_energy(model, shown)
    functional.reset_net(net)
    lemaire = op_counter.estimate_lemaire_energy(model, shown, config=op_counter.LemaireEnergyConfig(strict=False))
    functional.reset_net(net)
    event = op_counter.SpikeSimEnergyConfig(activity_mode="event")
    crossbar = op_counter.estimate_spikesim_energy(model, shown, config=event, strict=False).event_stats_by_stage
    found: dict[str, float] = {"spikes input": float(shown.sum())}
    found |= {f"spikes {site}": count for site, count in zip(("if1", "if2", "if3"), fired, strict=True)}
    records = zip(SHAPES, ("Steps.net.0", "Steps.net.2", "Steps.net.5"), strict=True)
    found |= {f"synops {name}": sum(counter.records[scope].values()) for name, scope in records}
    named = ("weight_read_bytes", "neuron_state_read_bytes", "neuron_state_write_bytes")
    found |= {f"simple {key}": simple.counts[key] for key in named} | {"simple memory_pj": simple.energy_memory_pj}
    for name, stage in (("conv1", "Steps.net.0"), ("conv2", "Steps.net.2")):
        found[f"spikesim {name} active_row_count"] = crossbar[stage]["active_row_count"]
    keys = (
        "synop",
        "ac",
        *(f"{key}_bytes" for key in ("read_params", "read_potential", "write_potential", "read_in", "write_out")),
    )
    found |= {f"lemaire {key}": lemaire.counts[key] for key in keys}
    return found | {"lemaire params_pj": lemaire.breakdown_pj["params_pj"]}


def _count(fired: list[float], at: int, out: Any) -> None:
    fired[at] += float(out.sum())


def recorded() -> dict[str, float]:
    """SpikingJelly's figures, as shipped."""
    return dict(json.loads(RECORDED.read_text(encoding="utf-8"))["figures"])


def main() -> None:
    """Print both sides, record SpikingJelly's."""
    mine, other = from_ours(*ours()), theirs()
    print("| figure | SpikingJelly | from ours |\n|---|---:|---:|")
    for key in other:
        print(f"| {key} | {other[key]:,.10g} | {mine[key]:,.10g} |")
    document = {"source": f"spikingjelly {version('spikingjelly')}: python -m benchmarks.spikingjelly_counts", "figures": other}
    RECORDED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
