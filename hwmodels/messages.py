"""spike_bits, spike_flits: how long a message of spikes is in the spike format of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Int64
from synaptile.hwmodels.sections import NoC, SpikeFormat

TAG_BITS = 2
"""What says which format a message has, where it may be any."""


def spike_bits(noc: NoC, spikes: Any, neurons: Any, values: int) -> Any:
    """Bits of messages with `spikes` spikes of `neurons` neurons, a spike being one of `values` values; numbers or arrays.

    aer: ``spikes * (header + payload)``. bitmap: ``header + neurons + spikes * payload``. list: ``header + ceil(log2(neurons +
    1)) + spikes * (ceil(log2 neurons) + payload)``. The last two send the address once and the payloads in order of neurons.
    """
    formats: tuple[SpikeFormat, ...] = ("aer", "bitmap", "list")
    if noc.spike_format != "cheapest":
        return _bits(noc, noc.spike_format, spikes, neurons, values)
    return np.minimum.reduce([_bits(noc, name, spikes, neurons, values) for name in formats]) + TAG_BITS


def spike_flits(noc: NoC, spikes: NDArray[np.integer], neurons: int, values: int) -> Int64:
    """Flits of messages, as `spike_bits`; at least one, which says that the token is complete. Or each spike on its own."""
    if noc.messages == "spike":
        per_spike = -(-(noc.spike_header_bits + _payload(values)) // noc.flit_bits)
        return spikes.astype(np.int64) * per_spike
    bits = spike_bits(noc, spikes.astype(np.int64), neurons, values)
    flits: Int64 = np.maximum(1, -(-bits // noc.flit_bits)).astype(np.int64)
    return flits


def _bits(noc: NoC, name: SpikeFormat, spikes: Any, neurons: Any, values: int) -> Any:
    header, payload = noc.spike_header_bits, _payload(values)
    if name == "aer":
        return spikes * (header + payload)
    if name == "bitmap":
        return header + neurons + spikes * payload
    return header + _log2(neurons + 1) + spikes * (_log2(neurons) + payload)


def _payload(values: int) -> int:
    return int(_log2(values))


def _log2(values: Any) -> Any:
    """ceil(log2(values)), of integers."""
    return np.ceil(np.log2(values)).astype(np.int64)
