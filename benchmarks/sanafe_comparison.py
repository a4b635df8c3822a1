"""The same two-layer spiking network on the same mesh in Synaptile and in SANA-FE: counts must be equal, latencies are compared.

``python benchmarks/sanafe_comparison.py --sanafe-python PATH``, where PATH is the Python of an environment that has `sanafe`
installed. It is run as a program of its own (`sanafe_worker.py`); numbers go there and come back as JSON. `sanafe.md` explains them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from conversion.graph import ImageSource, MTNeurons, PatchEmbedding, Port, ReadOut, SpikingGraph, Synapse
from hwmodels import Chip, load_chip
from mapper import map_graph
from simulator import Activity, Timeline, execute, schedule
from simulator.schedule.timeline import Cause

INPUTS, LAYER1, LAYER2 = 24, 32, 16
SITES = ("inputs", "layer1", "layer2")
SYNAPSES = ("weights1", "weights2")
CORE_NEURONS = 8
"""Neurons a core, so that three, four and two cores hold the sites."""

NEVER = 2.0**20
"""A negative threshold that no membrane reaches: SANA-FE's spikes have no sign."""

GRAIN = 16
"""Weights and currents are multiples of 1/16: exact in both simulators, whatever the order of the sums."""

Method = Literal["anneal", "metis", "row_major"]
Counts = Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """One network on one placement; input currents are drawn from `currents`, in sixteenths of the threshold."""

    name: str
    placement: Method
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
    for synapse, (before, after) in zip(SYNAPSES, zip(SITES[:-1], SITES[1:], strict=True), strict=True):
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


def trains(activity: Activity, site: str) -> np.ndarray:
    """Spikes of a site, 0 or 1, shape (neurons, steps)."""
    masks = activity.spikes[site].masks
    assert masks is not None
    return np.unpackbits(masks[:, 0, 0], axis=-1, count=activity.program.graph.nodes[site].width).T


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
        "trains": trains(activity, "inputs").tolist(),
        "weights": [arrays[f"{synapse}.weight"].T.ravel().tolist() for synapse in SYNAPSES],
        "steps": activity.steps,
    }
    with tempfile.TemporaryDirectory() as folder:
        ask, answer = Path(folder) / "job.json", Path(folder) / "result.json"
        ask.write_text(json.dumps(job))
        worker = Path(__file__).with_name("sanafe_worker.py")
        done = subprocess.run([python, "-I", worker, ask, answer], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{python} could not run SANA-FE (is `sanafe` installed there?):\n{done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(answer.read_text())
    return result


def counts_here(activity: Activity, timeline: Timeline) -> tuple[Counts, Counts, Counts]:
    """Synaptic events by (step, core), and spikes and spike-hops by (step, source core, target core): between layers only."""
    program, table, messages = activity.program, activity.operations, timeline.messages
    where, events = seat_of(activity), Counter[tuple[Any, ...]]()
    for core, role, count in zip(table.core, table.role, table.count, strict=True):
        if table.roles[role] == "synapse rows":
            events.update({(step, where[core]): int(n) for step, n in enumerate(count) if n})
    packets, hops = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for m in np.flatnonzero(messages.elements):
        job = messages.job[m]
        if program.node_names[program.parts.node[timeline.jobs.part[job]]] == "layer2":
            continue  # on its way to the read-out, which SANA-FE does not have
        key = int(timeline.jobs.step[job]), where[timeline.jobs.core[job]], where[messages.target_core[m]]
        packets[key] += int(messages.elements[m])
        hops[key] += int(messages.elements[m]) * int(messages.hops[m])
    return events, packets, hops


def counts_there(result: dict[str, Any], steps: int) -> tuple[Counts, Counts, Counts]:
    """The same of SANA-FE's message trace; what layer 1 sends at its step t + 1 answers inputs of step t."""
    events, packets, hops = (Counter[tuple[Any, ...]]() for _ in range(3))
    for number, messages in enumerate(result["messages"]):
        for m in messages:
            step = number - SITES.index(m["src_neuron_group_id"])
            if step >= steps:
                continue  # a neuron that fires on after the inputs have ended
            source, target = ((m[f"{end}_x"], m[f"{end}_y"], m[f"{end}_core_offset"]) for end in ("src", "dest"))
            events[step, target] += m["spikes"]
            packets[step, source, target] += 1
            hops[step, source, target] += m["hops"]
    return events, packets, hops


def same_spikes(activity: Activity, result: dict[str, Any]) -> bool:
    """Whether every neuron of every site fired at the same steps; layer k is k steps late in SANA-FE."""
    for late, site in enumerate(SITES):
        here = {(int(n), int(t)) for n, t in np.argwhere(trains(activity, site))}
        there = {(n, t) for t in range(activity.steps) for name, n in result["spikes"][t + late] if name == site}
        if here != there:
            return False
    return True


def compare(case: Case, python: Path) -> tuple[Activity, dict[str, Any], bool]:
    """Run both, print the counts, and say whether all are equal."""
    activity = execute_case(case)
    timeline, there = schedule(activity), run_sanafe(python, activity)
    result = there["detailed"]
    ours, theirs = counts_here(activity, timeline), counts_there(result, case.steps)
    fine = same_spikes(activity, result)
    spikes = [int(trains(activity, site).sum()) for site in SITES]
    print(f"\n## {case.name}: {case.placement}, {case.steps} steps; SANA-FE {there['version']}\n")
    print(f"spikes of {', '.join(f'{s} {n}' for s, n in zip(SITES, spikes, strict=True))}; neuron by neuron equal: {fine}\n")
    print("| count | Synaptile | SANA-FE | SANA-FE's own total, T + 1 steps | equal everywhere |\n|---|---:|---:|---:|---|")
    for name, by, here, elsewhere in zip(
        ("events", "packets", "hops"), ("step, core", "step, pair", "step, pair"), ours, theirs, strict=True
    ):
        total, equal = sum(result[name][: case.steps + 1]), here == elsewhere
        fine &= equal and total == here.total()
        print(f"| {name} | {here.total():,} | {elsewhere.total():,} | {total:,} | {'yes' if equal else 'NO'}, by {by} |")
    return activity, there, fine


def print_latency(activity: Activity, there: dict[str, Any]) -> None:
    """Cycles to the last spikes of layer 2, and the ladder from one to the other."""
    cycle_ns, steps = 1e3 / activity.program.chip.clock_mhz, activity.steps
    rows: dict[str, float] = {}
    for mode in ("dataflow", "barrier"):
        rows[f"Synaptile, {mode}"] = last_spikes(schedule(activity, synchronisation=mode))
    for model in ("simple", "detailed"):
        rows[f"SANA-FE, {model}"] = sum(there[model]["time_ns"]) / cycle_ns
    print("\n| latency, cycles to the last spikes of layer 2 | |\n|---|---:|")
    for name, cycles in rows.items():
        print(f"| {name} | {cycles:,.1f} |")
    first, second = (trains(activity, site).sum(axis=0) for site in SITES[:2])
    received = (1 + CORE_NEURONS) * np.stack([np.append(first, 0), np.append(0, second)])
    updates = CORE_NEURONS + np.max([fan * most_on_a_core(activity, site) for site, fan in (("inputs", 4), ("layer1", 2))], axis=0)
    print("\nFrom SANA-FE's simple model to our barrier:\n\n| | cycles |\n|---|---:|")
    print(f"| {steps + 1} steps, each the busiest core's (1 + 8) a packet | {np.maximum(received.max(axis=0), updates).sum():,} |")
    print(f"| the layers of a step one after the other, not side by side | {received.sum():,} |")
    print(f"| the packet's own cycle on a link beside the core, not in it | {CORE_NEURONS * (first.sum() + second.sum()):,} |")
    for name, cycles in path_rows(schedule(activity, synchronisation="barrier")).items():
        print(f"| critical path of Synaptile, barrier: {name} | {cycles:,} |")


def most_on_a_core(activity: Activity, site: str) -> np.ndarray:
    """Spikes of the core that fires most, shape (steps + 1,), at SANA-FE's steps."""
    fired = trains(activity, site).reshape(-1, CORE_NEURONS, activity.steps).sum(axis=1).max(axis=0)
    late = SITES.index(site)
    return np.concatenate([np.zeros(late, np.int64), fired, np.zeros(1 - late, np.int64)])


def last_spikes(timeline: Timeline) -> int:
    """Cycle in which the last neuron of layer 2 had been updated."""
    mine = timeline.program.parts.node[timeline.jobs.part] == timeline.program.node_names.index("layer2")
    return int(timeline.jobs.end_cycles[mine].max())


def path_rows(timeline: Timeline) -> dict[str, int]:
    """Cycles of the critical path: runs by node, waits by cause."""
    found: Counter[str] = Counter()
    for hold in timeline.critical_path:
        found[hold.node] += hold.run_cycles
        found[f"waiting: {Cause(hold.cause).name.lower()}"] += hold.wait_cycles
    return {name: cycles for name, cycles in found.items() if cycles}


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare all cases; exit status 1 where a count differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sanafe-python", type=Path, required=True, metavar="PATH", help="Python that can import sanafe")
    python = parser.parse_args(arguments).sanafe_python
    if not python.is_file():
        parser.error(f"--sanafe-python {python} is no file: give the Python of an environment with `pip install sanafe`")
    fine = True
    for case in CASES:
        activity, there, equal = compare(case, python)
        print_latency(activity, there)
        fine &= equal
    if not fine:
        sys.exit("counts differ")


if __name__ == "__main__":
    main()
