"""Does SANA-FE's packaged network do the same here, spike for spike and packet for packet, in as much time?"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks.sanafe_dvs import ours, packaged, theirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("sanafe") is None, reason="sanafe (GPL-3) is not installed: pip install sanafe==2.2.9"),
]


def test_spikes_operations_packets_energy_and_time_are_sanafes() -> None:
    """In 128 steps; 1,000: benchmarks/sanafe.md."""
    data = packaged()
    (mine, seconds), (other, other_seconds) = ours(data, 128), theirs(data, 128)
    assert (mine.spikes, mine.synops, mine.packets) == (38_250, 5_462_418, 259_191)
    assert (other.spikes, other.synops, other.packets) == (38_250, 5_462_418, 259_191)
    assert mine.updated == pytest.approx(other.updated, rel=1e-3)
    assert mine.energy_pj == pytest.approx(other.energy_pj, rel=1e-3)
    assert seconds == pytest.approx(other_seconds, rel=0.05), "SANA-FE's detailed model"
