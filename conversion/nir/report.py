"""What a NIR file was taken to mean: step, reset, units, what looks back in time, and where its writer's run may differ."""

from __future__ import annotations

from synaptile.conversion.graph import IFNeurons, LeakyNeurons, Port, SpikingGraph
from synaptile.foundation.errors import GraphError


def import_report(graph: SpikingGraph) -> tuple[str, ...]:
    """Sentences, one per line, of a graph that `from_nir` gave. Raises GraphError for another."""
    facts = graph.metadata
    if facts.get("method") != "nir":
        raise GraphError(f"graph {graph.name!r} does not come from NIR: there is nothing that a file of it was taken to mean")
    unit, reset = facts.get("if_unit", "step"), facts["reset"]
    said = [f"dt {facts['dt']:g} s, a spike resets by {reset}, r of IF neurons per {unit}"]
    if any(isinstance(site, IFNeurons) for site in graph.sites):
        said.append(
            "IF: r is 1 / dt, as SpikingJelly writes it" if unit == "second" else "IF: v += r I, as sinabs and Norse write it"
        )
    back = [(node.name, port) for node in graph.nodes.values() for port in node.inputs if port.delay]
    said += [f"{name} reads {port.node} {_ago(port)}" for name, port in back]
    if "folded_pooling" in facts:
        said.append(f"pooling folded into convolutions: {facts['folded_pooling']}")
    said.append(f"writer: {facts.get('writer', 'not said in the file')}; spikes are those of the equations, not its simulator's")
    if any(isinstance(site, LeakyNeurons) for site in graph.sites):
        said.append("differs from sinabs where a neuron of it spikes several times per step: here at most once")
        how = "one step later" if reset == "value" else "where a membrane stays above its threshold"
        said.append(f"differs from snnTorch, which resets {how}; from Norse's CubaLIF, which drops w_in when it writes")
    return tuple(said)


def _ago(port: Port) -> str:
    return "1 step ago" if port.delay == 1 else f"{port.delay} steps ago"
