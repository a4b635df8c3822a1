"""What the programs that run SANA-FE share: its description of a mesh, and its messages. Nothing of Synaptile is imported."""

import json
import tempfile
from pathlib import Path
from typing import Any

import sanafe


def mesh(job: dict[str, Any]) -> Any:
    """A mesh as SANA-FE loads it, with the job's queue and latencies in ns (none: all zero). Energies are left at zero."""
    ns = {name: value * 1e-9 for name, value in job.get("latency_ns", {}).items()}
    directions = ("north", "east", "south", "west")
    hops = {f"{figure}_{d}_hop": cost for d in directions for figure, cost in (("energy", 0.0), ("latency", ns.get("hop", 0.0)))}
    soma = {f"{kind}_{figure}_neuron": 0.0 for kind in ("energy", "latency") for figure in ("access", "update")}
    soma |= {"energy_spike_out": 0.0, "latency_spike_out": 0.0, "latency_access_neuron": ns.get("neuron", 0.0)}
    synapse = {"energy_process_spike": 0.0, "latency_process_spike": ns.get("synapse", 0.0)}
    core = {
        "name": f"core[0..{job['cores_per_tile'] - 1}]",
        "attributes": {"buffer_position": "soma", "max_neurons_supported": 1024},
        "axon_in": [_unit("axon_in", energy_message_in=0.0, latency_message_in=ns.get("message_in", 0.0))],
        "synapse": [_unit("synapse", model="current_based", **synapse)],
        "dendrite": [_unit("dendrite", model="accumulator", energy_update=0.0, latency_update=0.0)],
        "soma": [
            _unit("lif", model="leaky_integrate_fire", **soma),
            _unit(f"input[0..{len(job['trains']) - 1}]", model="input", **soma),
        ],
        "axon_out": [_unit("axon_out", energy_message_out=0.0, latency_message_out=ns.get("message_out", 0.0))],
    }
    width, height = job["mesh"]
    attributes = {"topology": "mesh", "width": width, "height": height, "link_buffer_size": job["queue"]}
    tiles = [{"name": f"tile[0..{width * height - 1}]", "attributes": hops, "core": [core]}]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.yaml"  # JSON is YAML
        path.write_text(json.dumps({"architecture": {"name": "mesh", "attributes": attributes, "tile": tiles}}))
        return sanafe.load_arch(path)


def _unit(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def loaded(arch: Any, net: Any) -> Any:
    """A chip with a network on it."""
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    return chip


def traced(chip: Any, steps: int, timing_model: str) -> dict[str, Any]:
    """Some steps more, with all traces."""
    traces = {"spike_trace": True, "perf_trace": True, "message_trace": True}
    result: dict[str, Any] = chip.sim(steps, timing_model=timing_model, processing_threads=1, **traces)
    return result


def spikes(result: dict[str, Any]) -> list[list[tuple[str, int]]]:
    """Layer and number of each neuron that fired, by step."""
    return [[(s.group_name, s.neuron_offset) for s in step] for step in result["spike_trace"]]


def messages(result: dict[str, Any]) -> list[list[tuple[Any, ...]]]:
    """Layer, source seat, target seat, synaptic events and hops of each message, by step."""
    return [[_message(m) for m in step if not m["placeholder"]] for step in result["message_trace"]]


def _message(m: dict[str, Any]) -> tuple[Any, ...]:
    source, target = ([m[f"{end}_x"], m[f"{end}_y"], m[f"{end}_core_offset"]] for end in ("src", "dest"))
    return m["src_neuron_group_id"], source, target, m["spikes"], m["hops"]
