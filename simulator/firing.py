"""How much a run fired: what a mapping for time balances by."""

from __future__ import annotations

from synaptile.mapper import FiringRates
from synaptile.simulator.activity import Activity


def firing_rates(activity: Activity) -> FiringRates:
    """Steps of a run, and spikes per neuron and step of each site, the mean over its images."""
    recorded = activity.steps * activity.images
    density = {site: float(record.events.sum()) / max(recorded * record.neurons, 1) for site, record in activity.spikes.items()}
    return FiringRates(activity.steps, {site: min(rate, 1.0) for site, rate in density.items()})
