"""The same two-layer spiking network on the same mesh in Synaptile and in SANA-FE: counts must be equal, latencies are compared.

``python -m benchmarks.sanafe_comparison --sanafe-python PATH``, where PATH is the Python of an environment that has `sanafe`
installed. It is run as a program of its own (`sanafe_worker.py`), numbers pass as JSON. `sanafe.md` explains the results.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sanafe_shared import Counts, answer_of, counts_here, counts_there, python_of, same_spikes, spikes_of
from synaptile.conversion.graph import ImageSource, MTNeurons, PatchEmbedding, Port, ReadOut, SpikingGraph, Synapse
from synaptile.foundation.options import PlacementMethod
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, Timeline, execute, schedule

INPUTS, LAYER1, LAYER2 = 24, 32, 16
SITES = ("inputs", "layer1", "layer2")
SYNAPSES = ("weights1", "weights2")
CORE_NEURONS = 8
"""Neurons a core, so that three, four and two cores hold the sites."""

NEVER = 2.0**20
"""A negative threshold that no membrane reaches: SANA-FE's spikes have no sign."""

GRAIN = 16
"""Weights and currents are multiples of 1/16: exact in both simulators, whatever the order of the sums."""

CHIPS = 10
"""SANA-FE chips built alike: their latencies differ a little, see `sanafe_worker.py`."""


@dataclass(frozen=True)
class Case:
    """One network on one placement; input currents are drawn from `currents`, in sixteenths of the threshold."""

    name: str
    placement: PlacementMethod
    currents: tuple[int, int]
    steps: int
    seed: int


CASES = (
    Case("near", "anneal", (1, 12), 16, 0),
    Case("far", "row_major", (1, 12), 16, 0),
    Case("busy", "row_major", (8, 16), 32, 1),
)


def network(seed: int) -> SpikingGraph:
    """Constant currents into 24 input neurons, dense weights to 32 and on to 16 neurons; one token."""
    rng = np.random.default_rng(seed)
    widths, port = dict(zip(SITES, (INPUTS, LAYER1, LAYER2), strict=True)), Port("image", 0, INPUTS)
    arrays = {"current.weight": np.eye(INPUTS, dtype=np.float32), "current.bias": np.zeros(INPUTS, np.float32)}
    nodes = [
        ImageSource("image", (), (1, INPUTS), (3, 2, INPUTS // 6)),
        PatchEmbedding("current", (port,), (1, INPUTS), (2, INPUTS // 6), (2, INPUTS // 6)),
        MTNeurons("inputs", (Port("current", 0, INPUTS),), (1, INPUTS), 1.0, NEVER, 1),
    ]
    for synapse, (before, after) in zip(SYNAPSES, pairwise(SITES), strict=True):
        rows, width = widths[before], widths[after]
        nodes.append(Synapse(synapse, (Port(before, 0, rows),), (1, width), rows, True))
        nodes.append(MTNeurons(after, (Port(synapse, 0, width),), (1, width), 1.0, NEVER, 1))
        weights = rng.choice([w for w in range(-4, 6) if w], (width, rows)) / GRAIN
        arrays |= {f"{synapse}.weight": weights.astype(np.float32), f"{synapse}.bias": np.zeros(width, np.float32)}
    nodes.append(ReadOut("readout", (Port("layer2", 0, LAYER2),), (1, LAYER2)))
    return SpikingGraph.build("two-layer", nodes, arrays)


def small_chip() -> Chip:
    """4 x 4 tiles; one operation a unit and cycle, one spike a flit, unicast."""
    chip = load_chip("ecmt45")
    assert chip.ec_core is not None
    return replace(
        chip,
        name="small",
        mesh=replace(chip.mesh, width=4, height=4, max_chips=1),
        synapse_core=replace(
            chip.synapse_core,
            max_neurons=CORE_NEURONS,
            lanes_per_cycle=1,
            neuron_updates_per_cycle=1,
            graded_spikes="replicate",
        ),
        ec_core=replace(chip.ec_core, max_neurons=CORE_NEURONS, multipliers_per_cycle=10_000, neuron_updates_per_cycle=1),
        noc=replace(chip.noc, multicast=False, flit_bits=32, spike_header_bits=31, word_bits=32),
    )


def execute_case(case: Case) -> Activity:
    """Map and run the case in Synaptile."""
    program = map_graph(network(case.seed), small_chip(), placement=case.placement)
    low, high = case.currents
    image = np.random.default_rng(case.seed + 1).integers(low, high + 1, (1, 3, 2, INPUTS // 6)) / GRAIN
    return execute(program, image.astype(np.float32), case.steps)


def seats(activity: Activity, site: str) -> list[tuple[int, int, int]]:
    """Tile column, tile row and core on the tile (0 synapse, 1 EC) of every neuron of a site."""
    program = activity.program
    parts, where = program.parts, seat_of(activity)
    return [where[int(parts.core[p])] for p in program.parts_of(site) for _ in range(parts.out_start[p], parts.out_stop[p])]


def seat_of(activity: Activity) -> list[tuple[int, int, int]]:
    """Seats of all cores."""
    cores = activity.program.cores
    return [(int(x), int(y), int(kind)) for x, y, kind in zip(cores.x, cores.y, cores.kind, strict=True)]


def run_sanafe(python: Path, activity: Activity) -> dict[str, Any]:
    """The case in SANA-FE: same seats, same input trains, same weights, latencies of the same number of cycles."""
    program = activity.program
    chip, arrays, cycle_ns = program.chip, program.graph.arrays, 1e3 / program.chip.clock_mhz
    once = dict.fromkeys(("neuron", "synapse", "message_in", "message_out"), cycle_ns)
    job = {
        "mesh": (chip.mesh.width, chip.mesh.height),
        "cores_per_tile": 2,
        "queue": chip.noc.input_queue_flits,
        "latency_ns": once | {"hop": cycle_ns * chip.noc.cycles_per_hop},
        "neurons": {site: seats(activity, site) for site in SITES},
        "trains": spikes_of(activity, "inputs").T.tolist(),
        "weights": [arrays[f"{synapse}.weight"].T.ravel().tolist() for synapse in SYNAPSES],
        "steps": activity.steps,
        "chips": CHIPS,
    }
    return answer_of(python, "sanafe_worker.py", job)


def compare(activity: Activity, ours: dict[str, Counts], runs: Sequence[dict[str, Any]]) -> bool:
    """Print the counts; true where every run of SANA-FE has all of them, wherever and whenever they arise."""
    theirs = [dict(zip(ours, counts_there(run, SITES, activity.steps), strict=True)) for run in runs]
    fine = all(same_spikes(activity, SITES, run) for run in runs)
    spikes = ", ".join(f"{site} {int(spikes_of(activity, site).sum()):,}" for site in SITES)
    print(f"Spikes: {spikes}; the same neurons at the same steps: {_yes(fine)}\n")
    print("| | Synaptile | SANA-FE | SANA-FE's own totals | equal in every place and step |\n|---|---:|---:|---:|---|")
    for name, here in ours.items():
        totals = {run["own"][name] for run in runs}
        equal = all(counts[name] == here for counts in theirs) and totals == {here.total()}
        own = ", ".join(f"{total:,}" for total in sorted(totals))
        print(f"| {name} | {here.total():,} | {theirs[0][name].total():,} | {own} | {_yes(equal)} |")
        fine &= equal
    return fine


def _yes(fine: bool) -> str:
    return "yes" if fine else "NO"


def print_latencies(activity: Activity, packets: Counts, runs: dict[str, list[dict[str, Any]]]) -> bool:
    """Cycles to the last spikes of layer 2, and the way from SANA-FE's to ours; true where our counts give its simple model."""
    cycle_ns, steps = 1e3 / activity.program.chip.clock_mhz, activity.steps
    flow, lockstep = (schedule(activity, synchronisation=mode) for mode in ("dataflow", "barrier"))
    print("\n| latency, cycles | |\n|---|---:|")
    print(f"| Synaptile, dataflow | {last_spikes(flow):,} |")
    print(f"| Synaptile, barrier | {last_spikes(lockstep):,} |")
    for model, several in runs.items():
        # The step that would follow counts as layer 2's updates alone: what layer 1 sends on then is of no step of ours.
        cycles = sorted(sum(run["time_ns"][: steps + 1]) / cycle_ns + CORE_NEURONS for run in several)
        alike = np.isclose(cycles[0], cycles[-1])
        print(f"| SANA-FE, {model} | {cycles[0]:,.0f}{'' if alike else f' to {cycles[-1]:,.0f}'} |")
    side_by_side, one_by_one = busiest(packets, steps)
    explained = np.allclose(np.array(runs["simple"][0]["time_ns"][: steps + 1]) / cycle_ns, side_by_side)
    print(f"\nSANA-FE's simple model follows from our counts, step by step: {_yes(explained)}")
    print(f"\nDataflow is bound by {flow.bottleneck.name}, busy for {flow.bottleneck.busy_cycles:,} cycles.\n")
    print_ladder(lockstep, int(side_by_side.sum()), one_by_one)
    return explained


def busiest(packets: Counts, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """What SANA-FE's simple model makes of our packets.

    Returns the cycles of its busiest core in each of its steps, shape (steps + 1,), and what the busiest core of layer 1 and
    that of layer 2 take to receive the packets of our steps, shape (2, steps).
    """
    sent, received = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for (step, source, target), n in packets.items():
        layer = 0 if source[2] else 1  # inputs sit on EC cores, layer 1 on synapse cores
        sent[step + layer, source] += n
        received[layer, step, target] += n
    together, apart = np.full(steps + 1, CORE_NEURONS), np.zeros((2, steps), np.int64)
    for (number, _), n in sent.items():
        together[number] = max(together[number], CORE_NEURONS + n)
    for (layer, step, _), n in received.items():
        cycles = (1 + CORE_NEURONS) * n
        apart[layer, step] = max(apart[layer, step], cycles)
        together[step + layer] = max(together[step + layer], cycles)
    return together, apart


def print_ladder(timeline: Timeline, simple: int, received: np.ndarray) -> None:
    """From SANA-FE's simple model to our schedule with barriers, whose critical path gives the last rows."""
    runs, waits = Counter[str](), 0
    for hold in timeline.critical_path:
        runs[hold.node] += hold.run_cycles
        waits += hold.wait_cycles
    accumulated = int(received.sum()) * CORE_NEURONS // (1 + CORE_NEURONS)
    rows = {
        "SANA-FE, simple, without the last updates": simple,
        "layers of a step one after the other": int(received.sum()) - simple,
        "a packet's arrival is no work of the core": accumulated - int(received.sum()),
        "biases, an addition a neuron": runs["weights1"] + runs["weights2"] - accumulated,
        "neuron updates, after and before messages": sum(runs[site] for site in SITES),
        "messages: the first job waits for the last flit": waits,
        "input currents, read-out": runs["current"] + runs["readout"],
        "what follows the last spikes": last_spikes(timeline) - timeline.makespan_cycles,
    }
    print("| from SANA-FE to Synaptile with barriers | cycles | sum |\n|---|---:|---:|")
    total = 0
    for name, cycles in rows.items():
        total += cycles
        print(f"| {name} | {cycles:+,} | {total:,} |")


def last_spikes(timeline: Timeline) -> int:
    """Cycle in which the last neuron of layer 2 had been updated."""
    mine = timeline.program.parts.node[timeline.jobs.part] == timeline.program.node_names.index("layer2")
    return int(timeline.jobs.end_cycles[mine].max())


def print_formats(activity: Activity) -> None:
    """What Synaptile's network carries for the same spikes: read-out included, dataflow."""
    noc = activity.program.chip.noc
    wide = replace(noc, flit_bits=4 * noc.flit_bits)
    formats = {
        "unicast, a spike a flit": noc,
        "unicast, four spikes a flit": wide,
        "multicast, four spikes a flit": replace(wide, multicast=True),
    }
    print("\n| format | messages | of no spike | flits | flit-hops | latency |\n|---|---:|---:|---:|---:|---:|")
    for name, changed in formats.items():
        timeline = schedule(activity, replace(activity.program.chip, noc=changed))
        m = timeline.messages
        carried = f"{m.flits.sum():,} | {(m.flits * m.hops).sum():,} | {last_spikes(timeline):,}"
        print(f"| {name} | {m.flits.size:,} | {np.count_nonzero(m.elements == 0):,} | {carried} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare all cases; exit status 1 where a count differs, or a latency is not what the explanation says."""
    python = python_of(arguments, __doc__)
    fine = True
    for case in CASES:
        activity = execute_case(case)
        there = run_sanafe(python, activity)
        print(f"\n## {case.name}: {case.placement}, {case.steps} steps, SANA-FE {there['version']}\n")
        # What layer 2 sends is on its way to the read-out, which SANA-FE does not have.
        counts = counts_here(activity, schedule(activity), seat_of(activity), "layer2")
        ours = dict(zip(("events", "packets", "hops"), counts, strict=True))
        fine &= compare(activity, ours, [run for several in there["runs"].values() for run in several])
        fine &= print_latencies(activity, ours["packets"], there["runs"])
        print_formats(activity)
    if not fine:
        sys.exit("a row above says NO")


if __name__ == "__main__":
    main()
