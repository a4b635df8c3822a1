"""Spikes of every site by threshold and step, as the paper's Figure 6 shows them."""

from __future__ import annotations

from typing import Any

from synaptile.conversion.graph import Neurons, layer_of
from synaptile.energy import site_kind
from synaptile.simulator.activity import Activity


def spike_document(activity: Activity) -> dict[str, Any]:
    """Sites with `histogram`, shape (steps, 2n): spikes over all images, +theta1*2^k at k, -theta2*2^k at n+k."""
    nodes = activity.program.graph.nodes
    sites = []
    for name, record in activity.spikes.items():
        site = nodes[name]
        assert isinstance(site, Neurons)
        sites.append(
            {
                "name": name,
                "kind": site_kind(name),
                "layer": layer_of(name),
                "neurons": record.neurons,
                "theta": [site.theta1, site.theta2],
                "histogram": record.histogram.tolist(),
            }
        )
    return {"images": activity.images, "sites": sites}
