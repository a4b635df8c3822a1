"""SANA-FE's packaged DVS-gesture network in Synaptile and in SANA-FE: spikes, operations, packets, energy and time at its units.

``python -m benchmarks.sanafe_dvs --steps 1000`` in an environment with `sanafe` (2.2.9). The network is read from that package,
and is no part of this one. Results: `sanafe.md`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from synaptile.conversion.graph import IntegerConvolution2d, IntegerNeurons
from synaptile.conversion.integer import IntegerLayer, IntegerNetwork
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import CoreProgram, Partition, map_partition
from synaptile.mapper.reach import core_reach
from synaptile.simulator import Activity, execute
from synaptile.simulator.barrier import step_timing
from synaptile.simulator.dense.whole import IntegerSite, IntegerSynapseUnit

CORES = {"input.current": 1, "conv1": 4, "conv2": 16, "conv3": 16, "conv4": 4, "dense1": 1}
SYNAPSE_PJ, ACCESS_PJ, UPDATE_PJ, SPIKE_PJ, MESSAGE_PJ = 35.5, 51.2, 21.6, 69.3, 111.0
"""Unit prices of SANA-FE's `loihi.yaml` for its first synapse (dense), which neurons take unless told otherwise."""
HOP_PJ = (3.0, 4.2)
"""A hop east or west, north or south."""
TILE_ROWS, CORES_PER_TILE = 4, 4


@dataclass(frozen=True)
class Counts:
    """What a run did. `updated`: neurons and steps at which a neuron had a membrane or an input; `energy_pj`: what all cost."""

    spikes: int
    synops: int
    packets: int
    updated: int
    energy_pj: float


def packaged() -> dict[str, np.ndarray]:
    """Weights, thresholds and input currents. Raises ModuleNotFoundError without `sanafe`."""
    with files("sanafe.examples").joinpath("dvs_challenge.npz").open("rb") as file:
        return dict(np.load(file))


def network(data: dict[str, np.ndarray]) -> IntegerNetwork:
    """The network: neurons are counted by channel, row and column, and a spike arrives a step later."""
    layers = [
        IntegerLayer(
            f"conv{i}",
            data[f"conv{i}"].astype(np.int32).transpose(3, 2, 0, 1),
            None,
            int(data["thresholds"][i]),
            2 if i == 1 else 1,
        )
        for i in range(1, 5)
    ]
    layers.append(IntegerLayer("dense1", data["dense1"].astype(np.int32).T, None, int(data["thresholds"][5])))
    return IntegerNetwork("dvs", (1, 32, 32), layers, int(data["thresholds"][0]))


def mapped(data: dict[str, np.ndarray]) -> CoreProgram:
    """Each layer on as many cores as SANA-FE's authors give it, as many neurons a core, in order; its memories have no limits."""
    graph, chip = network(data).graph(), load_chip("loihi")
    core = replace(
        chip.synapse_core, max_axons=1 << 20, max_axons_out=None, weight_memory_bits=1 << 32, state_memory_bits=1 << 32
    )
    chip = replace(chip, synapse_core=core)
    layers: dict[str, Any] = {}
    first = 0
    for name, cores in CORES.items():
        width = graph.nodes[name].width
        per = -(-width // cores)
        layers[name] = {
            "cores": list(range(first, first + cores)),
            "outputs": [min(per, width - at) for at in range(0, width, per)],
        }
        first += cores
    seats = [[core // CORES_PER_TILE // TILE_ROWS, core // CORES_PER_TILE % TILE_ROWS] for core in range(first)]
    return map_partition(graph, chip, Partition(layers=layers, seats=seats))


def timed(chip: Chip) -> Chip:
    """The chip with SANA-FE's unit times: dense synapses, and cores that receive while they sweep, as its do."""
    units = load_chip("loihi-calibrated")
    assert units.step_times is not None
    times = replace(units.step_times, linear_format="dense", convolution_format="dense", receives_beside_sweep=True)
    return replace(chip, step_times=times, barrier_ns=units.barrier_ns)


def ours(data: dict[str, np.ndarray], steps: int) -> tuple[Counts, float]:
    """Counts of our run, priced at SANA-FE's figures, and its time in seconds by SANA-FE's unit times."""
    program = mapped(data)
    activity = execute(program, data["inputs"].astype(np.int64)[None], steps, keep_spikes=1)
    spikes = sum(int(record.events.sum()) for record in activity.spikes.values())
    synops, (packets, hops_pj) = int(activity.accounting.eq30.sum()), _messages(activity)
    updated, neurons = _updated(activity, data["inputs"].astype(np.int64)), sum(site.width for site in program.graph.sites)
    soma = ACCESS_PJ * neurons * steps + UPDATE_PJ * updated + SPIKE_PJ * spikes
    counts = Counts(spikes, synops, packets, updated, SYNAPSE_PJ * synops + soma + MESSAGE_PJ * packets + hops_pj)
    return counts, float(step_timing(activity, timed(program.chip)).step_ps.sum()) * 1e-12


def theirs(data: dict[str, np.ndarray], steps: int, timing: Literal["simple", "detailed"] = "detailed") -> tuple[Counts, float]:
    """Counts of SANA-FE's run with its stock chip, and its time in seconds by one of its models of time."""
    import sanafe
    from sanafe import layers

    def neuron(i: int) -> dict[str, Any]:
        return {"threshold": float(data["thresholds"][i]), "reset": 0.0, "reset_mode": "hard", "leak_decay": 1.0}

    arch, net = sanafe.load_loihi(), sanafe.Network()
    stack = [layers.Input2D(net, 32, 32, 1, **neuron(0))]
    for i in range(1, 5):
        stride = 2 if i == 1 else 1
        stack.append(layers.Conv2D(net, stack[-1], data[f"conv{i}"], stride_width=stride, stride_height=stride, **neuron(i)))
    stack.append(layers.Dense(net, stack[-1], 11, data["dense1"], **neuron(5)))
    cores, first = [core for tile in arch.tiles for core in tile.cores], 0
    for layer, count in zip(stack, CORES.values(), strict=True):
        per = -(-len(layer) // count)
        for i, one in enumerate(layer):
            one.set_attributes(soma_hw_name="loihi_lif", dendrite_hw_name="loihi_dendrites")
            if layer is stack[0]:
                one.set_attributes(model_attributes={"bias": float(data["inputs"][i])})
            one.map_to_core(cores[first + i // per])
        first += count
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    found = chip.sim(steps, timing_model=timing, processing_threads=1)
    fired, synops, packets, updated = (int(found[key]) for key in ("neurons_fired", "spikes", "packets_sent", "neurons_updated"))
    return Counts(fired, synops, packets, updated, found["energy"]["total"] * 1e12), float(found["sim_time"])


def _fired(activity: Activity, site: str) -> Int64:
    """Spikes of the only sample, (steps, neurons)."""
    record, width = activity.spikes[site], activity.program.graph.nodes[site].width
    assert record.masks is not None
    return np.unpackbits(record.masks, axis=-1, count=width)[:, 0, 0].astype(np.int64)


def _messages(activity: Activity) -> tuple[int, float]:
    """A packet per spike and core that it reaches, and what their hops cost."""
    program, cores = activity.program, activity.program.cores
    packets, hops_pj = 0, 0.0
    for node in program.graph.of_type(IntegerConvolution2d):
        site = node.inputs[0].node
        sent = _fired(activity, site).sum(axis=0)
        reach = (core_reach(program, node.name) > 0).tocoo()
        home = np.zeros(sent.size, np.int64)
        for part in program.parts_of(site):
            home[program.parts.out_start[part] : program.parts.out_stop[part]] = program.parts.core[part]
        source, target = home[reach.row], reach.col
        price = HOP_PJ[0] * np.abs(cores.x[source] - cores.x[target]) + HOP_PJ[1] * np.abs(cores.y[source] - cores.y[target])
        packets += int(sent[reach.row].sum())
        hops_pj += float(sent[reach.row] @ price)
    return packets, hops_pj


def _updated(activity: Activity, currents: Int64) -> int:
    """Neurons and steps with a membrane or a current, by the dense units from the spikes that were recorded."""
    graph, total = activity.program.graph, 0
    for site in graph.of_type(IntegerNeurons):
        feeding = graph.nodes[site.inputs[0].node]
        cell = IntegerSite(site, graph.array(site.name, "threshold").astype(np.int64))
        fired, synapse = None, None
        if isinstance(feeding, IntegerConvolution2d):
            arrays = (graph.array(feeding.name, field).astype(np.int64) for field in ("weight", "bias"))
            fired, synapse = _fired(activity, feeding.inputs[0].node), IntegerSynapseUnit(feeding, *arrays)
        for t in range(activity.steps):
            current = currents[None] if synapse is None or fired is None else synapse.step(t + 1, [fired[t][None]])
            total += int(((cell.membrane != 0) | (current != 0)).sum())
            cell.step(t + 1, [current])
    return total


def main() -> None:
    """Run both and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=128)
    steps, data = parser.parse_args().steps, packaged()
    (a, our_seconds), (b, seconds) = ours(data, steps), theirs(data, steps)
    rows = [(name, getattr(a, name), getattr(b, name)) for name in Counts.__dataclass_fields__]
    for name, x, y in [*rows, ("time, ns", 1e9 * our_seconds, 1e9 * seconds)]:
        print(f"{name:10s} {x:>18,.0f} {y:>18,.0f} {100 * (x / y - 1):+.3f} %")
    print(f"SANA-FE's simple model of time: {1e9 * theirs(data, steps, 'simple')[1]:,.0f} ns")


if __name__ == "__main__":
    main()
