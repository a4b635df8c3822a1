"""Run a two-layer network in SANA-FE. Runs in an environment of its own, started by `sanafe_comparison.py`.

Usage: ``python sanafe_worker.py JOB.json RESULT.json``. The job holds the mesh, the latencies in ns, the tile and slot of every
neuron, the input trains and the weights. Nothing of Synaptile is imported here, nothing of SANA-FE there. The result holds, for
each timing model, the runs of several chips built alike: the order in which SANA-FE sends the packets of a spike differs from one
to the next.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sanafe

sys.path.insert(0, str(Path(__file__).parents[1]))  # isolated, Python leaves it out
from benchmarks.sanafe_mesh import loaded, mesh, messages, spikes, traced

GROUPS = ("inputs", "layer1", "layer2")
TIMING_MODELS = ("simple", "detailed", "cycle")
TIES = 1.0 / 64
"""SANA-FE fires above the threshold, not at it; and it keeps potentials in steps of 1/64."""


def build(job: dict[str, Any]) -> Any:
    """The chip with the network on it. In the first step all thresholds but the inputs' are halved, by a bias."""
    arch, net = mesh(job), sanafe.Network()
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
    return loaded(arch, net)


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
    result = traced(chip, steps, timing_model)
    perf = result["perf_trace"]
    return {
        "own": {"events": result["spikes"], "packets": result["packets_sent"], "hops": sum(perf["hops"])},
        "spikes": spikes(result),
        "time_ns": [1e9 * seconds for seconds in perf["sim_time"]],
        "messages": messages(result),
    }


def main() -> None:
    """Read the job, run it under each timing model, write the results."""
    job = json.loads(Path(sys.argv[1]).read_text())
    runs = {model: [run(job, model) for _ in range(job["chips"])] for model in TIMING_MODELS}
    Path(sys.argv[2]).write_text(json.dumps({"version": version("sanafe"), "runs": runs}))


if __name__ == "__main__":
    main()
