"""Run a two-layer network in SANA-FE. Runs in an environment of its own, started by `sanafe_comparison.py`.

Usage: ``python sanafe_worker.py JOB.json RESULT.json``. The job holds the mesh, the latencies in ns, the tile and slot of every
neuron, the input trains and the weights. Nothing of Synaptile is imported here, nothing of SANA-FE there. The result holds, for
each timing model, the runs of several chips built alike: the order in which SANA-FE sends the packets of a spike differs from one
to the next.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sanafe

GROUPS = ("inputs", "layer1", "layer2")
TIMING_MODELS = ("simple", "detailed", "cycle")
TIES = 1.0 / 64
"""SANA-FE fires above the threshold, not at it; and it keeps potentials in steps of 1/64."""


def architecture(job: dict[str, Any]) -> dict[str, Any]:
    """A mesh whose tiles hold two cores each, in SANA-FE's description. Energies are left at zero."""
    ns = {name: value * 1e-9 for name, value in job["latency_ns"].items()}
    directions = ("north", "east", "south", "west")
    hops = {f"{figure}_{d}_hop": cost for d in directions for figure, cost in (("energy", 0.0), ("latency", ns["hop"]))}
    soma = {"energy_access_neuron": 0.0, "energy_update_neuron": 0.0, "energy_spike_out": 0.0}
    soma |= {"latency_access_neuron": ns["neuron"], "latency_update_neuron": 0.0, "latency_spike_out": 0.0}
    inputs = len(job["trains"])
    core = {
        "name": f"core[0..{job['cores_per_tile'] - 1}]",
        "attributes": {"buffer_position": "soma", "max_neurons_supported": 1024},
        "axon_in": [_unit("axon_in", energy_message_in=0.0, latency_message_in=ns["message_in"])],
        "synapse": [_unit("synapse", model="current_based", energy_process_spike=0.0, latency_process_spike=ns["synapse"])],
        "dendrite": [_unit("dendrite", model="accumulator", energy_update=0.0, latency_update=0.0)],
        "soma": [_unit("lif", model="leaky_integrate_fire", **soma), _unit(f"input[0..{inputs - 1}]", model="input", **soma)],
        "axon_out": [_unit("axon_out", energy_message_out=0.0, latency_message_out=ns["message_out"])],
    }
    width, height = job["mesh"]
    attributes = {"topology": "mesh", "width": width, "height": height, "link_buffer_size": job["queue"]}
    tiles = [{"name": f"tile[0..{width * height - 1}]", "attributes": hops, "core": [core]}]
    return {"architecture": {"name": "mesh", "attributes": attributes, "tile": tiles}}


def _unit(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def build(job: dict[str, Any]) -> Any:
    """The chip with the network on it. In the first step all thresholds but the inputs' are halved, by a bias."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.yaml"  # JSON is YAML
        path.write_text(json.dumps(architecture(job)))
        arch = sanafe.load_arch(path)
    net = sanafe.Network()
    lif = {"threshold": 1.0, "reset_mode": "soft", "leak_decay": 1.0, "bias": 0.5 + TIES}
    sizes = [len(job["neurons"][name]) for name in GROUPS]
    groups = [net.create_neuron_group("inputs", sizes[0])]
    groups += [net.create_neuron_group(n, s, lif, soma_hw_name="lif") for n, s in zip(GROUPS[1:], sizes[1:], strict=True)]
    for number, train in enumerate(job["trains"]):
        groups[0][number].set_attributes(soma_hw_name=f"input[{number}]", model_attributes={"spikes": train})
    for name, group in zip(GROUPS, groups, strict=True):
        for number, (x, y, slot) in enumerate(job["neurons"][name]):
            group[number].set_attributes(log_spikes=True)
            group[number].map_to_core(arch.tiles[x * job["mesh"][1] + y].cores[slot])
    for before, after, weights in zip(groups[:-1], groups[1:], job["weights"], strict=True):
        before.connect_neurons_dense(after, {"weight": weights})
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    return chip


def run(job: dict[str, Any], timing_model: str) -> dict[str, Any]:
    """T + 2 steps: layer 1 fires a step after its input, layer 2 a step after that.

    Returns lists by step, and under "own" what SANA-FE itself counts in the first T + 1 steps.
    """
    chip = build(job)
    calls = [_simulate(chip, 1, timing_model)]
    for name in GROUPS[1:]:
        for neuron in chip.mapped_neuron_groups[name]:
            neuron.set_attributes(model_attributes={"bias": 0.0})
    calls += [_simulate(chip, steps, timing_model) for steps in (job["steps"], 1)]
    own = {name: sum(call["own"][name] for call in calls[:2]) for name in calls[0]["own"]}
    return {"own": own} | {key: [step for call in calls for step in call[key]] for key in ("spikes", "time_ns", "messages")}


def _simulate(chip: Any, steps: int, timing_model: str) -> dict[str, Any]:
    """Some steps more; a message is (group, source seat, target seat, synaptic events, hops)."""
    traces = {"spike_trace": True, "perf_trace": True, "message_trace": True}
    result = chip.sim(steps, timing_model=timing_model, processing_threads=1, **traces)
    perf, messages = result["perf_trace"], result["message_trace"]
    return {
        "own": {"events": result["spikes"], "packets": result["packets_sent"], "hops": sum(perf["hops"])},
        "spikes": [[(s.group_name, s.neuron_offset) for s in step] for step in result["spike_trace"]],
        "time_ns": [1e9 * seconds for seconds in perf["sim_time"]],
        "messages": [[_message(m) for m in step if not m["placeholder"]] for step in messages],
    }


def _message(m: dict[str, Any]) -> tuple[Any, ...]:
    source, target = ([m[f"{end}_x"], m[f"{end}_y"], m[f"{end}_core_offset"]] for end in ("src", "dest"))
    return m["src_neuron_group_id"], source, target, m["spikes"], m["hops"]


def main() -> None:
    """Read the job, run it under each timing model, write the results."""
    job = json.loads(Path(sys.argv[1]).read_text())
    runs = {model: [run(job, model) for _ in range(job["chips"])] for model in TIMING_MODELS}
    Path(sys.argv[2]).write_text(json.dumps({"version": version("sanafe"), "runs": runs}))


if __name__ == "__main__":
    main()
