"""Are messages as long as their bits, in every spike format? Written out spike by spike; and on a chip, in every bill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.hwmodels.messages import TAG_BITS, spike_bits, spike_flits
from tests.schedule.programs import plain_chip

HEADER, VALUES = 28, 16


def written(name: str, fires: list[bool], header: str) -> str:
    """A message as a string of bits."""
    width = max(len(fires) - 1, 0).bit_length()
    payload = "v" * 4
    spikes = [at for at, fired in enumerate(fires) if fired]
    if name == "aer":
        return "".join(header + payload for _ in spikes)
    if name == "bitmap":
        return header + "".join("1" if fired else "0" for fired in fires) + payload * len(spikes)
    count = format(len(spikes), "b").zfill(len(fires).bit_length())
    return header + count + "".join((format(at, "b").zfill(width) if width else "") + payload for at in spikes)


@given(st.lists(st.booleans(), min_size=1, max_size=80), st.sampled_from([16, 64, 128]))
def test_a_message_has_the_bits_that_writing_it_out_takes(fires: list[bool], flit_bits: int) -> None:
    base = plain_chip(flit_bits=flit_bits, spike_header_bits=HEADER).noc
    spikes = np.array([sum(fires)])
    sizes = {}
    for name in ("aer", "bitmap", "list"):
        noc = replace(base, spike_format=name)
        sizes[name] = len(written(name, fires, "h" * HEADER))
        assert spike_bits(noc, spikes, len(fires), VALUES).tolist() == [sizes[name]]
        assert spike_flits(noc, spikes, len(fires), VALUES).tolist() == [max(1, -(-sizes[name] // flit_bits))]
    cheapest = spike_bits(replace(base, spike_format="cheapest"), spikes, len(fires), VALUES)
    assert cheapest.tolist() == [min(sizes.values()) + TAG_BITS]


def test_a_message_per_spike_takes_whole_flits_and_a_silent_token_none() -> None:
    noc = plain_chip(flit_bits=24, spike_header_bits=HEADER, messages="spike").noc
    assert spike_flits(noc, np.array([0, 1, 5]), 64, VALUES).tolist() == [0, 2, 10]


@pytest.mark.parametrize(("density", "least"), [(0.02, "list"), (0.5, "bitmap")])
def test_addresses_pay_where_few_neurons_fire(density: float, least: Any) -> None:
    base = plain_chip(spike_header_bits=HEADER).noc
    spikes = np.array([192 * density])
    bits = {name: spike_bits(replace(base, spike_format=name), spikes, 192, VALUES)[0] for name in ("aer", "bitmap", "list")}
    assert min(bits, key=lambda name: bits[name]) == least
