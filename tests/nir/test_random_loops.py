"""Does any network of layers with loops and delays spike, and add up, as plain loops say?"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import synaptile as sy
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from synaptile.simulator.barrier import step_timing, wiring_of
from synaptile.simulator.barrier.measure import fired
from tests.barrier.naive import naive_step
from tests.mapper.chips import small_chip
from tests.nir import plain
from tests.nir.loops import Edges, graph_of, plain_linear
from tests.nir.networks import current_based, integrate_and_fire, io, leaky, linear, recorded, trains
from tests.simulator.runs import needs_compiler

NEURONS = (leaky, current_based, integrate_and_fire)


@st.composite
def networks(draw: st.DrawFn) -> tuple[Any, Edges]:
    """A chain of one to three layers, edges back and skips between them, some through a Delay."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    widths = draw(st.lists(st.integers(2, 7), min_size=1, max_size=3))
    inputs = draw(st.integers(2, 6))
    source, sink = io((inputs,), (widths[-1],))
    nodes: dict[str, Any] = {"input": source}
    edges, back = list[tuple[str, str]](), Edges()
    before, size = "input", inputs
    for at, width in enumerate(widths):
        nodes |= {f"w{at}": linear(rng, width, size), f"n{at}": draw(st.sampled_from(NEURONS))(rng, width)}
        edges += [(before, f"w{at}"), (f"w{at}", f"n{at}")]
        before, size = f"n{at}", width
    nodes["output"] = sink
    edges.append((before, "output"))
    pairs = [(a, b) for a in range(len(widths)) for b in range(len(widths)) if b != a + 1]
    for a, b in draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True)):
        delay, name = draw(st.integers(0, 3)), f"from{a}to{b}"
        nodes[name] = plain_linear(rng, widths[b], widths[a])
        edges.append((name, f"n{b}"))
        if delay:
            nodes[f"{name}.wait"] = nir.Delay(delay=np.full(widths[a], delay * 1e-4))
            edges += [(f"n{a}", f"{name}.wait"), (f"{name}.wait", name)]
        else:
            edges.append((f"n{a}", name))
            if a >= b:
                back.add((f"n{a}", name))
    return graph_of(nodes, edges), back


@needs_compiler
@given(networks(), st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_random_loops(drawn: tuple[Any, Edges], seed: int) -> None:
    network, back = drawn
    graph, spikes = from_nir(network), trains(network, 6, 2, seed=seed)
    wanted, _ = plain.run(network, spikes, back=back)
    expected = reference(graph, spikes, 6)
    program = map_graph(graph, small_chip(), anneal_moves=0)
    activity = execute(program, spikes, 6, "float64", keep_spikes=2, images_at_once=1)
    for site, values in wanted.items():
        assert np.array_equal(expected.spikes[site][:, :, 0], values)
        assert np.array_equal(recorded(activity, site), values)
    for row, node in enumerate(activity.accounting.nodes):
        assert np.array_equal(activity.accounting.eq30[row], expected.eq30[node])
    sy.price(activity, program.chip, timeline=sy.schedule(activity, images=2))


@needs_compiler
@given(networks(), st.integers(0, 2**16))
@settings(max_examples=10, deadline=None)
def test_random_loops_side_by_side(drawn: tuple[Any, Edges], seed: int) -> None:
    """On Loihi: refused for sums or loops that it cannot do, else each step is that of the naive twin, and all adds up."""
    network, _ = drawn
    graph = from_nir(network)
    try:
        program = map_graph(graph, load_chip("loihi-calibrated"), anneal_moves=0)
        activity = execute(program, trains(network, 5, 1, seed=seed), 5, "float64", keep_spikes=1)
        timing = step_timing(activity)
    except InputError as error:
        assert "lies in a loop over more layers" in str(error)
        return
    except sy.DoesNotFit as error:
        assert "ec_cores_per_tile" in str(error)
        return
    wiring = wiring_of(program)
    for step, mask in enumerate(fired(activity, wiring, 0)):
        ends = np.array(naive_step(wiring.net, mask))
        on_chip = [ends[wiring.core == core].max() for core in range(program.cores.kind.size)]
        assert timing.core_ps[0, step].tolist() == on_chip
    sy.price(activity, program.chip, timeline=sy.schedule(activity))
