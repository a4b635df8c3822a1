"""Run the layers of `sanafe_lenet.py` in SANA-FE, in an environment of its own: ``JOB.json RESULT.json``.

Nothing of Synaptile is imported here. A layer's neurons answer a step after those before them.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sanafe

sys.path.insert(0, str(Path(__file__).parents[1]))  # isolated, Python leaves it out
from benchmarks.sanafe_mesh import loaded, mesh, messages, spikes, traced


def build(job: dict[str, Any]) -> Any:
    """The chip with the network on it."""
    arch, net = mesh(job), sanafe.Network()
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
    return loaded(arch, net)


def main() -> None:
    """Read the job, run it, write spikes and messages by step."""
    job = json.loads(Path(sys.argv[1]).read_text())
    found = traced(build(job), job["steps"], "simple")
    result = {
        "version": version("sanafe"),
        "synapses": sum(len(weights) for _, _, weights in job["synapses"]),
        "spikes": spikes(found),
        "messages": messages(found),
    }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
