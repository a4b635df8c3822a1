"""Are counts and memory traffic those of SpikingJelly's `op_counter` on a network that both can express?"""

from __future__ import annotations

import pytest

from benchmarks.spikingjelly_counts import from_ours, ours, recorded


def test_figures_of_spikingjelly_follow_from_ours() -> None:
    """Spikes, synaptic operations, bytes of its simple model, of Lemaire et al. and rows of SpikeSim: every one."""
    found, shipped = from_ours(*ours()), recorded()
    assert set(found) == set(shipped) and len(shipped) == 21
    for figure, value in shipped.items():
        assert found[figure] == pytest.approx(value, rel=1e-9), figure
    assert shipped["synops conv1"] < 36 * shipped["spikes input"]  # the border is met, and Lemaire's fan-out does not know it
