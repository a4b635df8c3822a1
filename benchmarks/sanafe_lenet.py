"""A LeNet-size spiking network on Loihi's profile in Synaptile and in SANA-FE: equal spikes, synaptic events, packets and hops.

``python -m benchmarks.sanafe_lenet --sanafe-python PATH``, where PATH is the Python of an environment that has `sanafe`. SANA-FE
is given every synapse of its own (835,000 of them), listed here by index arithmetic; Synaptile runs convolutions, pooling folded
in. Weights are multiples of 1/16, exact in both. Input spikes come from off Synaptile's chip: in SANA-FE they sit on a core of
their own, and their packets are left out; the synaptic events that they cause are compared.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sanafe_shared import answer_of, counts_here, counts_there, python_of, same_spikes, spikes_of
from synaptile.conversion.graph import Convolution2d, IFNeurons, Node, Port, ReadOut, SpikeSource, SpikingGraph, Synapse
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule

SITES = ("input", "if1", "if2", "if3", "if4", "if5")
SIZES = (784, 3456, 1024, 120, 84, 10)
STEPS, RATE, GRAIN = 8, 0.25, 16


def network(seed: int) -> SpikingGraph:
    """28 x 28 pixels, 6 and 16 channels of 5 x 5, sum pooling of 2 x 2, 120, 84, 10; IF neurons that reset to 0."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    pool: dict[str, Any] = {"pooling": "sum", "pool_kernel": (2, 2), "pool_stride": (2, 2)}
    port = [Port(site, 0, size) for site, size in zip(SITES, SIZES, strict=True)]
    layers: list[Node] = [
        Convolution2d("conv1", (port[0],), (1, 3456), (1, 28, 28), (5, 5)),
        Convolution2d("conv2", (port[1],), (1, 1024), (6, 24, 24), (5, 5), **pool),
        Convolution2d("fc1", (port[2],), (1, 120), (16, 8, 8), (4, 4), flat=True, **pool),
        Synapse("fc2", (port[3],), (1, 84), 120),
        Synapse("fc3", (port[4],), (1, 10), 84),
    ]
    nodes: list[Node] = [SpikeSource("input", (), (1, 784), (1, 28, 28))]
    shapes = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 16, 4, 4), (84, 120), (10, 84))
    for layer, site, size, shape in zip(layers, SITES[1:], SIZES[1:], shapes, strict=True):
        nodes += [layer, IFNeurons(site, (Port(layer.name, 0, size),), (1, size), "value")]
        arrays[f"{layer.name}.weight"] = rng.choice([w for w in range(-4, 6) if w], shape) / GRAIN
        arrays[f"{layer.name}.bias"] = np.zeros(shape[0])
        arrays |= {f"{site}.r": np.ones(size), f"{site}.v_threshold": np.ones(size), f"{site}.v_reset": np.zeros(size)}
    nodes.append(ReadOut("output", (port[5],), (1, 10), law="sum", off_chip=True))
    return SpikingGraph.build("lenet", nodes, arrays)


def edges(graph: SpikingGraph) -> list[tuple[Array, Array, Array]]:
    """Every synapse by layer: source neuron, target neuron and weight, shape (synapses,) each."""
    weight = {node.name: graph.array(node.name, "weight") for node in graph.nodes.values() if "weight" in node.array_shapes()}
    o, ky, kx, y, x = (axis.ravel() for axis in np.indices((6, 5, 5, 24, 24)))
    found = [((y + ky) * 28 + x + kx, (o * 24 + y) * 24 + x, weight["conv1"][o, 0, ky, kx])]
    o, i, ky, kx, y, x, py, px = (axis.ravel() for axis in np.indices((16, 6, 5, 5, 8, 8, 2, 2)))
    source = i * 576 + (2 * (y + ky) + py) * 24 + 2 * (x + kx) + px
    found.append((source, (o * 8 + y) * 8 + x, weight["conv2"][o, i, ky, kx]))
    o, i, ky, kx, py, px = (axis.ravel() for axis in np.indices((120, 16, 4, 4, 2, 2)))
    found.append((i * 64 + (2 * ky + py) * 8 + 2 * kx + px, o, weight["fc1"][o, i, ky, kx]))
    for name in ("fc2", "fc3"):
        o, i = (axis.ravel() for axis in np.indices(weight[name].shape))
        found.append((i, o, weight[name][o, i]))
    return found


def seats(activity: Activity) -> dict[str, list[tuple[int, int, int]]]:
    """Tile column, tile row and core on the tile of every neuron of the sites on the chip."""
    program, cores = activity.program, activity.program.cores
    parts = program.parts
    found = {}
    for site in SITES[1:]:
        mine = [(p, int(parts.core[p])) for p in program.parts_of(site)]
        where = [
            ((int(cores.x[c]), int(cores.y[c]), int(cores.slot[c])), parts.out_stop[p] - parts.out_start[p]) for p, c in mine
        ]
        found[site] = [seat for seat, size in where for _ in range(size)]
    return found


def run_sanafe(python: Path, activity: Activity) -> dict[str, Any]:
    """The network in SANA-FE: spikes by step, and messages (layer, source seat, target seat, events, hops)."""
    mesh = activity.program.chip.mesh
    job = {
        "mesh": (mesh.width, mesh.height),
        "cores_per_tile": mesh.synapse_cores_per_tile + 1,
        "neurons": {"input": [(0, 0, mesh.synapse_cores_per_tile)] * SIZES[0]} | seats(activity),
        "trains": spikes_of(activity, "input").T.tolist(),
        "queue": 8,
        "steps": activity.steps + len(SITES),
        "synapses": [[column.tolist() for column in layer] for layer in edges(activity.program.graph)],
    }
    return answer_of(python, "sanafe_lenet_worker.py", job)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare; exit status 1 where a count differs."""
    python = python_of(arguments, __doc__)
    trains = (np.random.default_rng(1).random((STEPS, 1, SIZES[0])) < RATE).astype(np.float64)
    chip = load_chip("loihi")
    chip = replace(chip, synapse_core=replace(chip.synapse_core, convolutions="kernel", index_bits=0))  # SANA-FE stores nothing
    activity = execute(map_graph(network(0), chip, placement="row_major"), trains, STEPS, "float64")
    timeline, run = schedule(activity), run_sanafe(python, activity)
    fine = same_spikes(activity, SITES, run)
    fired = ", ".join(f"{site} {int(spikes_of(activity, site).sum()):,}" for site in SITES)
    cores, synapses = activity.program.cores.kind.size, run["synapses"]
    print(f"{cores} cores of loihi, {STEPS} steps, SANA-FE {run['version']}, {synapses:,} synapses")
    print(f"Spikes: {fired}; the same neurons at the same steps: {'yes' if fine else 'NO'}\n")
    print("| | Synaptile | SANA-FE | equal in every place and step |\n|---|---:|---:|---|")
    table = activity.program.cores
    where = [(int(x), int(y), int(slot)) for x, y, slot in zip(table.x, table.y, table.slot, strict=True)]
    pairs = zip(counts_here(activity, timeline, where), counts_there(run, SITES, STEPS, "input"), strict=True)
    for name, (here, there) in zip(("synaptic events", "packets", "hops"), pairs, strict=True):
        equal = here == there
        print(f"| {name} | {here.total():,} | {there.total():,} | {'yes' if equal else 'NO'} |")
        fine &= equal
    if not fine:
        sys.exit("a row above says NO")


if __name__ == "__main__":
    main()
