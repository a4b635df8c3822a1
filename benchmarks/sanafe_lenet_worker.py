"""Run the layers of `sanafe_lenet.py` in SANA-FE, in an environment of its own: ``JOB.json RESULT.json``.

Nothing of Synaptile is imported here. A layer's neurons answer a step after those before them.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sanafe


def architecture(job: dict[str, Any]) -> dict[str, Any]:
    """A mesh in SANA-FE's description; only counts are asked for, so all energies and latencies are zero."""
    directions = ("north", "east", "south", "west")
    hops = {f"{figure}_{d}_hop": 0.0 for d in directions for figure in ("energy", "latency")}
    figures = ("access_neuron", "update_neuron", "spike_out")
    soma = {f"{kind}_{figure}": 0.0 for kind in ("energy", "latency") for figure in figures}
    inputs = len(job["trains"])
    core = {
        "name": f"core[0..{job['cores_per_tile'] - 1}]",
        "attributes": {"buffer_position": "soma", "max_neurons_supported": 1024},
        "axon_in": [_unit("axon_in", energy_message_in=0.0, latency_message_in=0.0)],
        "synapse": [_unit("synapse", model="current_based", energy_process_spike=0.0, latency_process_spike=0.0)],
        "dendrite": [_unit("dendrite", model="accumulator", energy_update=0.0, latency_update=0.0)],
        "soma": [_unit("lif", model="leaky_integrate_fire", **soma), _unit(f"input[0..{inputs - 1}]", model="input", **soma)],
        "axon_out": [_unit("axon_out", energy_message_out=0.0, latency_message_out=0.0)],
    }
    width, height = job["mesh"]
    attributes = {"topology": "mesh", "width": width, "height": height, "link_buffer_size": 8}
    tiles = [{"name": f"tile[0..{width * height - 1}]", "attributes": hops, "core": [core]}]
    return {"architecture": {"name": "mesh", "attributes": attributes, "tile": tiles}}


def _unit(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def build(job: dict[str, Any]) -> Any:
    """The chip with the network on it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.yaml"  # JSON is YAML
        path.write_text(json.dumps(architecture(job)))
        arch = sanafe.load_arch(path)
    net = sanafe.Network()
    lif = {"threshold": 1.0, "reset": 0.0, "reset_mode": "hard", "leak_decay": 1.0}
    groups = []
    for name, where in job["neurons"].items():
        source = name == "input"
        group = net.create_neuron_group(name, len(where)) if source else net.create_neuron_group(name, len(where), lif)
        for number, (x, y, slot) in enumerate(where):
            if source:
                group[number].set_attributes(soma_hw_name=f"input[{number}]", model_attributes={"spikes": job["trains"][number]})
            else:
                group[number].set_attributes(soma_hw_name="lif")
            group[number].set_attributes(log_spikes=True)
            group[number].map_to_core(arch.tiles[x * job["mesh"][1] + y].cores[slot])
        groups.append(group)
    for before, after, (source, target, weight) in zip(groups[:-1], groups[1:], job["synapses"], strict=True):
        before.connect_neurons_sparse(after, {"weight": weight}, list(zip(source, target, strict=True)))
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    return chip


def _message(m: dict[str, Any]) -> tuple[Any, ...]:
    source, target = ([m[f"{end}_x"], m[f"{end}_y"], m[f"{end}_core_offset"]] for end in ("src", "dest"))
    return m["src_neuron_group_id"], source, target, m["spikes"], m["hops"]


def main() -> None:
    """Read the job, run it, write spikes and messages by step."""
    job = json.loads(Path(sys.argv[1]).read_text())
    traces = {"spike_trace": True, "perf_trace": True, "message_trace": True}
    found = build(job).sim(job["steps"], timing_model="simple", processing_threads=1, **traces)
    result = {
        "version": version("sanafe"),
        "synapses": sum(len(weights) for _, _, weights in job["synapses"]),
        "spikes": [[(s.group_name, s.neuron_offset) for s in step] for step in found["spike_trace"]],
        "messages": [[_message(m) for m in step if not m["placeholder"]] for step in found["message_trace"]],
    }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
