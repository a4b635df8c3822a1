"""Are neurons billed by the chip's own updates, and does no side pay for memory that a price holds already?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import ceil

import nir
import numpy as np
import pytest

from synaptile.conversion.graph import Neurons
from synaptile.conversion.nir import from_nir
from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.barrier import step_timing
from tests.nir.networks import chain, io, perceptron, trains

STEPS = 20


def leaky_network(gain: float) -> nir.NIRGraph:
    """60-120-60-10, leak 1/2, weights of n/16, as in the audit."""
    rng, widths = np.random.default_rng(0), (60, 120, 60, 10)
    source, sink = io((60,), (10,))
    nodes = {"input": source}
    for at, (inputs, outputs) in enumerate(pairwise(widths)):
        nodes[f"fc{at}"] = nir.Linear(weight=np.round(16 * gain * rng.standard_normal((outputs, inputs))) / 16)
        ones = np.ones(outputs)
        nodes[f"lif{at}"] = nir.LIF(tau=2e-4 * ones, r=2 * ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    return chain({**nodes, "output": sink})


def run(network: nir.NIRGraph, chip: Chip, rate: float = 0.05, images: int = 2) -> Activity:
    graph = from_nir(network)
    return execute(map_graph(graph, chip, anneal_moves=10), trains(network, STEPS, images, rate=rate), STEPS, "int8")


def billed(report: EnergyReport, op: str) -> int:
    bill = report.comparison("executed").snn
    counts: dict[str, int] = dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))
    return counts.get(op, 0)


@pytest.mark.parametrize("gain", [0.05, 0.2, 0.6])
def test_loihis_neurons_are_billed_at_its_own_81_and_52_pj(gain: float) -> None:
    chip, network = load_chip("loihi"), leaky_network(gain)
    activity = run(network, chip)
    report = price(activity, chip)
    sites = [node.name for node in activity.program.graph.of_type(Neurons)]
    spikes = sum(int(activity.spikes[name].events.sum()) for name in sites if name.startswith("lif"))
    updates = 190 * STEPS * activity.images
    assert billed(report, "neuron_update_active") == spikes
    assert billed(report, "neuron_update_inactive") == updates - spikes
    lines = [line for line in report.lines() if line.role == "neuron update"]
    neurons_nj = sum(line.energy_pj or 0.0 for line in lines) / 1e3
    assert neurons_nj == pytest.approx((81 * spikes + 52 * (updates - spikes)) / activity.images / 1e3, rel=1e-12)
    assert all("Davies" in line.price.source for line in lines)
    memory = {role for bill in report.additions["memory"].bills for role in bill.roles}
    assert not {"membrane read", "membrane write", "accumulator read-out"} & memory
    assert any("billed by the update" in note for note in report.notes)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_hops_billed_are_hops_counted_and_a_flit_within_a_tile_has_its_price(rate: float) -> None:
    """40 neurons per core put the layers on five cores of two tiles; every spike is a message to each core that listens."""
    chip = load_chip("loihi")
    small = replace(chip, synapse_core=replace(chip.synapse_core, max_neurons=40))
    activity = run(leaky_network(0.2), small, rate=rate, images=1)
    program, cores = activity.program, activity.program.cores
    hops = within = 0
    for flow in np.flatnonzero(program.flows.group >= 0):
        source, target = (int(program.parts.core[part[flow]]) for part in (program.flows.source, program.flows.target))
        part = program.flows.source[flow]
        name, start, stop = program.node_names[program.parts.node[part]], program.flows.start[flow], program.flows.stop[flow]
        record = activity.spikes[name]
        assert record.masks is not None
        fired = np.unpackbits(record.masks[:, 0, 0], axis=-1)[:, start:stop].sum()
        distance = abs(int(cores.x[source] - cores.x[target])) + abs(int(cores.y[source] - cores.y[target]))
        hops, within = hops + int(fired) * distance, within + int(fired) * (distance == 0 and source != target)
    assert within > 0
    for report in (price(activity, small), price(activity, small, timeline=schedule(activity))):
        bill = report.additions["noc"].snn
        counts = dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))
        assert (counts.get("flit hop", 0), counts["flit within a tile"]) == (hops, within)
        assert bill.prices["flit within a tile"].pj == 1.7
        assert report.additions["noc"].snn_pj[-1] == pytest.approx(3.5 * hops + 1.7 * within)
    assert sum(link.snn_pj for link in report.split("link")) == pytest.approx(3.5 * hops + 1.7 * within)


def test_the_audits_network_takes_283_nj() -> None:
    """Its 1,556 + 1,193 + 200 spikes in 20 steps of 190 neurons, at the file's figures; the audit computed 283 nJ."""
    own, spikes = load_chip("loihi").operation_pj, 1556 + 1193 + 200
    active, inactive = (own[f"neuron_update_{state}"]["int8"] for state in ("active", "inactive"))
    assert (spikes * active + (190 * 20 - spikes) * inactive) / 1e3 == pytest.approx(283, rel=0.01)


def test_a_step_of_the_audits_network_lasts_as_long_as_its_slowest_core() -> None:
    """On five cores: the sum over 20 steps, and one more per layer (the audit: 23), of the slowest core and the barrier."""
    chip = load_chip("loihi")
    graph, small = from_nir(leaky_network(0.2)), replace(chip, synapse_core=replace(chip.synapse_core, max_neurons=40))
    activity = execute(map_graph(graph, small), trains(leaky_network(0.2), STEPS, 1, rate=0.2), STEPS, "int8", keep_spikes=1)
    timing, timeline = step_timing(activity), schedule(activity)
    assert activity.program.cores.kind.size == 5 and (timing.barrier_ps, timing.lag) == (465_000, 3)
    slowest = timing.core_ps[0].max(axis=1)
    assert len(slowest) == STEPS + 3 and (slowest > 0).all() and len(set(timing.core_ps[0].argmax(axis=1).tolist())) > 1
    total_ps = int(slowest.sum()) + (len(slowest) - 1) * 465_000
    assert timeline.makespan_cycles == ceil(total_ps * chip.clock_mhz / 1e6)


def test_a_current_based_neuron_is_one_update_too() -> None:
    chip = load_chip("loihi")
    activity = run(perceptron(), chip, rate=0.3, images=1)
    report = price(activity, chip)
    total = billed(report, "neuron_update_active") + billed(report, "neuron_update_inactive")
    assert total == (30 + 25 + 7) * STEPS


def test_a_mac_that_holds_its_memory_pays_none_again() -> None:
    chip = load_chip("loihi")
    pj = {**chip.operation_pj, "mac": {"int8": 30.0}}
    twin = replace(chip, operation_pj=pj, synapse_core=replace(chip.synapse_core, memory_in_mac=True))
    activity = run(leaky_network(0.2), chip)
    apart, inside = price(activity, replace(twin, synapse_core=chip.synapse_core)), price(activity, twin)
    assert inside.additions["memory"].snn_pj[-1] == apart.additions["memory"].snn_pj[-1]
    assert inside.additions["memory"].ann_pj < apart.additions["memory"].ann_pj
    paid = {"weight rows", "dense weight rows", "accumulator read", "accumulator write"}
    assert not paid & set(inside.additions["memory"].ann.roles) and paid & set(apart.additions["memory"].ann.roles)
    assert any("that of a MAC does too" in note for note in inside.notes)


def test_what_is_said_to_be_inside_must_be_priced() -> None:
    with pytest.raises(ChipError, match=r"memory_in_mac is given, but operation_pj\.mac is not"):
        vary(load_chip("loihi"), {"synapse_core.memory_in_mac": True})
    with pytest.raises(ChipError, match="an update is priced with and without a spike, or not at all"):
        vary(load_chip("loihi"), {"operation_pj.neuron_update_inactive.int8": None})
