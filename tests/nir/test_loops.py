"""Do recurrent and delayed networks spike as plain loops over NIR's equations do, and add up at every later stage?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import synaptile as sy
from synaptile.conversion.graph import LeakyNeurons, Port, SpikingGraph, Synapse, load_graph, save_graph
from synaptile.conversion.nir import from_nir, import_report, to_nir
from synaptile.foundation.errors import GraphError, InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report.trace import write_trace
from synaptile.simulator import Activity, execute, reference
from synaptile.simulator.barrier import step_timing
from tests.mapper.chips import small_chip
from tests.nir import plain
from tests.nir.loops import NETWORKS, convolutional, feedback, graph_of, one_layer
from tests.nir.networks import io, recorded, trains
from tests.nir.test_execution import CHIPS
from tests.simulator.runs import needs_compiler


def check(activity: Activity, fired: dict[str, Any]) -> None:
    for site, values in fired.items():
        assert 0.02 < values.mean() < 0.9, f"{site} tests nothing"
        assert np.array_equal(recorded(activity, site), values)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_spikes_as_plain_loops_do(name: str) -> None:
    network, back = NETWORKS[name]()
    spikes = trains(network, 14, 2)
    fired, logits = plain.run(network, spikes, back=back)
    found = reference(from_nir(network), spikes, 14)
    for site, values in fired.items():
        assert np.array_equal(found.spikes[site][:, :, 0], values)
    np.testing.assert_allclose(found.logits, logits, rtol=0, atol=1e-12)
    forgetful = reference(from_nir(network), spikes, 14, keep_spikes=False)
    assert np.array_equal(forgetful.logits, found.logits) and not forgetful.spikes


def test_loops_matter() -> None:
    """The same network without its recurrent weights spikes otherwise."""
    network, back = one_layer()
    spikes = trains(network, 14, 2)
    fired, _ = plain.run(network, spikes, back=back)
    network.nodes["w_rec"].weight = 0 * network.nodes["w_rec"].weight
    assert (plain.run(network, spikes, back=back)[0]["hidden"] != fired["hidden"]).mean() > 0.05


@needs_compiler
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", NETWORKS)
def test_events_spike_as_plain_loops_do(name: str, chip: str) -> None:
    network, back = NETWORKS[name]()
    spikes = trains(network, 9, 3)
    program = map_graph(from_nir(network), CHIPS[chip](), anneal_moves=0)
    check(execute(program, spikes, 9, "float64", images_at_once=2, keep_spikes=3), plain.run(network, spikes, back=back)[0])


@needs_compiler
def test_a_convolution_of_its_own_spikes_does_too() -> None:
    network, back = convolutional()
    spikes = trains(network, 7, 2)
    program = map_graph(from_nir(network), small_chip(), anneal_moves=0)
    activity = execute(program, spikes, 7, "float64", keep_spikes=2)
    check(activity, plain.run(network, spikes, back=back)[0])
    sy.price(activity, program.chip, timeline=sy.schedule(activity))


@needs_compiler
def test_int8_is_the_same_to_the_last_bit_whatever_the_mapping() -> None:
    network, _ = feedback()
    graph, spikes = from_nir(network), trains(network, 8, 2).astype(np.float32)
    expected = reference(graph, spikes, 8, "int8")
    for chip in CHIPS.values():
        activity = execute(map_graph(graph, chip(), anneal_moves=0), spikes, 8, "int8", keep_spikes=2)
        for site, values in expected.spikes.items():
            assert np.array_equal(recorded(activity, site), values[:, :, 0])
        for row, node in enumerate(activity.accounting.nodes):
            assert np.array_equal(activity.accounting.eq30[row], expected.eq30[node])


@needs_compiler
def test_a_recurrent_network_on_loihi_is_executed_scheduled_and_priced(tmp_path: Path) -> None:
    """An accumulate per spike and weight that it meets; those of the last step meet none. All stages agree on it."""
    network, back = one_layer()
    spikes = trains(network, 11, 2)
    fired, _ = plain.run(network, spikes, back=back)
    program = map_graph(from_nir(network), load_chip("loihi"), anneal_moves=0)
    activity = execute(program, spikes, 11, "float64", keep_spikes=2)
    met = 18 * (spikes.sum(axis=2) + np.concatenate([np.zeros((1, 2)), fired["hidden"].sum(axis=2)[:-1]]))
    assert np.array_equal(activity.accounting.eq30[activity.accounting.nodes.index("w_in")], met)
    timing = step_timing(activity)
    unread = 18 * fired["hidden"][-1].sum(axis=1)
    assert timing.unread.tolist() == unread.tolist() and unread.sum() > 0
    assert (timing.synops.sum(axis=1) - unread).tolist() == activity.accounting.eq30.sum(axis=(0, 1)).tolist()
    assert timing.lag == 2  # input to hidden, hidden to out: the loop takes the step that it has
    timeline = sy.schedule(activity)
    report = sy.price(activity, program.chip, timeline=timeline)
    assert timeline.makespan_cycles > 0 and report.notes
    assert write_trace(timeline, tmp_path / "trace").stat().st_size > 0


@needs_compiler
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("barrier", [False, True])
def test_steps_wait_for_the_spikes_that_they_read(name: str, barrier: bool) -> None:
    """On dataflow chips and on those whose layers take turns: no job of a synapse starts before what it reads has ended."""
    network, _ = NETWORKS[name]()
    program = map_graph(from_nir(network), replace(small_chip(), barrier_ns=20.0), anneal_moves=0)
    activity = execute(program, trains(network, 5, 2), 5, "float64", keep_spikes=2)
    timeline = sy.schedule(activity, synchronisation="barrier" if barrier else "dataflow", images=2)
    sy.price(activity, program.chip, timeline=timeline)
    jobs, graph = timeline.jobs, program.graph
    node = program.parts.node[jobs.part]
    begins: dict[Any, int] = {}
    ends: dict[Any, list[int]] = {}
    for at in range(jobs.part.size):
        key = (program.node_names[node[at]], int(jobs.image[at]), int(jobs.step[at]))
        begins[key] = min(begins.get(key, 1 << 60), int(jobs.start_cycles[at]))
        ends.setdefault(key, []).append(int(jobs.end_cycles[at]))
    checked = 0
    for synapse in graph.of_type(Synapse):
        for port in synapse.inputs:
            for image in range(2):
                for step in range(port.delay, 5):
                    if (port.node, image, step - port.delay) in ends:
                        checked += 1
                        assert begins[synapse.name, image, step] >= min(ends[port.node, image, step - port.delay])
    assert checked


def test_a_loop_longer_than_its_delay_has_no_time_on_loihi() -> None:
    """Two layers take two steps there, and the loop has one; with a Delay of two it has them."""
    for delay, fits in ((0, False), (2, True)):
        network, _ = feedback(delay)
        program = map_graph(from_nir(network), load_chip("loihi"), anneal_moves=0)
        activity = execute(program, trains(network, 4, 1), 4, keep_spikes=1)
        if fits:
            assert sy.schedule(activity).makespan_cycles > 0
            continue
        with pytest.raises(InputError, match=r"lies in a loop over more layers than.*Delay of as many steps.*dataflow"):
            sy.schedule(activity)


def test_a_graph_within_the_graph_is_the_same_laid_open() -> None:
    network, _ = one_layer()
    ends = io((12,), (18,))
    own = {name: network.nodes[was] for name, was in (("w", "w_in"), ("lif", "hidden"), ("w_rec", "w_rec"))}
    inner = graph_of(
        {"in": ends[0], **own, "out": ends[1]},
        [("in", "w"), ("w", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "out")],
    )
    outer = {name: network.nodes[name] for name in ("input", "w_out", "out", "output")} | {"layer": inner}
    nested = graph_of(outer, [("input", "layer"), ("layer", "w_out"), ("w_out", "out"), ("out", "output")])
    spikes = trains(network, 8, 2)
    found = reference(from_nir(nested), spikes, 8)
    assert np.array_equal(found.spikes["layer.lif"], reference(from_nir(network), spikes, 8).spikes["hidden"])


def test_loops_survive_files_and_nir(tmp_path: Path) -> None:
    for make in NETWORKS.values():
        graph = from_nir(make()[0])
        save_graph(graph, tmp_path / "net.spk")
        assert load_graph(tmp_path / "net.spk").digest == graph.digest
        nir.write(tmp_path / "net.nir", to_nir(graph))
        again = from_nir(tmp_path / "net.nir", name=graph.name)
        assert again.digest == graph.digest


def test_the_report_says_what_looks_back() -> None:
    said = import_report(from_nir(feedback(3)[0]))
    assert "w1 reads first 1 step ago" in said and "w1 reads second 3 steps ago" in said
    assert said[0] == "dt 0.0001 s, a spike resets by value, r of IF neurons per step"


def _wait(values: Any) -> Any:
    network, _ = feedback(1)
    network.nodes["wait"] = nir.Delay(delay=np.asarray(values))
    return network


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(GraphError, match=r"'wait' \(Delay\) has delays from 0.0001 to 0.0002: give neurons of one delay"):
        from_nir(_wait([1e-4] * 7 + [2e-4] * 7))
    with pytest.raises(GraphError, match=r"'wait' \(Delay\): 0.00015 is 1.5 steps of dt 0.0001"):
        from_nir(_wait([1.5e-4] * 14))
    network, _ = one_layer()
    with pytest.raises(InputError, match=r"reads spikes of earlier steps.*layer_major"):
        map_graph(from_nir(network), load_chip("ecmt45-lm"))
    graph = from_nir(network)
    late = [
        replace(node, inputs=(replace(node.inputs[0], delay=1),)) if isinstance(node, LeakyNeurons) else node
        for node in graph.nodes.values()
    ]
    with pytest.raises(GraphError, match="only synapses look back"):
        SpikingGraph.build("late", late, graph.arrays)
    now = [replace(node, inputs=tuple(Port(p.node, p.start, p.stop) for p in node.inputs)) for node in graph.nodes.values()]
    with pytest.raises(GraphError, match=r"has a cycle through .* within a step: give a port on it a delay"):
        SpikingGraph.build("now", now, graph.arrays)
