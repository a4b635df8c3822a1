"""Are messages as long as their bits, in every spike format? Written out spike by spike; and on a chip, in every bill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.conversion.graph import Port, TokenMean
from synaptile.energy import price
from synaptile.energy.flits import EJECTION, HOP, INJECTION, WITHIN_TILE, noc_prices, scheduled_flits, snn_flits
from synaptile.hwmodels.messages import TAG_BITS, spike_bits, spike_flits
from synaptile.simulator import schedule
from tests.schedule.programs import build, executed, patches, place, plain_chip, readout, relu

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


@pytest.mark.slow
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


@pytest.mark.parametrize("multicast", [True, False])
@pytest.mark.parametrize("name", ["aer", "bitmap", "list", "cheapest"])
def test_the_schedule_and_the_run_count_the_same_flits_at_links_and_cores(name: Any, multicast: bool) -> None:
    chip = plain_chip(multicast=multicast, spike_format=name, injection_pj_per_flit=2.0, ejection_pj_per_flit=3.0)
    chip = replace(chip, noc=replace(chip.noc, tile_pj_per_flit=1.0))
    nodes = [
        patches("front", 4, 3),
        relu("r", "front", 4, 3),
        TokenMean("mean", (Port("r", 0, 3),), (1, 3), 0, 4),
        readout("mean", 3),
    ]
    activity = executed(place(build(nodes, (2, 2)), chip, {"front": (1, 0), "r": (1, 0), "mean": (3, 2)}), steps=3, images=1)
    timeline = schedule(activity)
    tally = snn_flits(activity)
    assert not isinstance(tally, str)
    bills = (one.bill(noc_prices(chip), activity.images) for one in (tally, scheduled_flits(timeline)))
    derived, scheduled = (dict(zip(bill.ops, bill.op_counts().tolist(), strict=True)) for bill in bills)
    flits = timeline.messages.flits
    for op in (HOP, INJECTION, EJECTION, WITHIN_TILE):
        assert derived[op] == scheduled[op] > 0
    assert scheduled[INJECTION] == scheduled[EJECTION] == flits.sum(), "every message has one receiver here"
    near = timeline.messages.hops == 0
    assert scheduled[WITHIN_TILE] == flits[near].sum()
    report = price(activity, chip, timeline=timeline)
    assert {INJECTION, EJECTION, WITHIN_TILE} <= {line.op for line in report.lines(accounting="noc")}
