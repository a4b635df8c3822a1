"""Do Loihi's limits and neuron energies come out to the last unit, worked by hand?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import Convolution2d, Port
from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer
from synaptile.data import DATA_DIR
from synaptile.energy import price
from synaptile.foundation.options import Reset
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import map_graph, map_partition
from synaptile.mapper.axons_out import axons_out
from synaptile.mapper.partition import Partition
from synaptile.mapper.refusal import DoesNotFit
from synaptile.mapper.stored import stored_synapses
from synaptile.simulator import execute
from synaptile.simulator.barrier import wiring_of
from synaptile.studies.validation import mnist_on_loihi

LOIHI = load_chip("loihi")


def dense(*sizes: int, reset: Reset = "value", threshold: int = 10) -> IntegerNetwork:
    """Linear layers of weight 1, all but the last one with neurons; the first reads `sizes[0]` currents."""
    layers = [
        IntegerLayer(f"fc{at}", np.ones((outputs, inputs), np.int64), None, threshold, reset=reset)
        for at, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    layers[-1] = replace(layers[-1], threshold=None, reset="value")
    return IntegerNetwork("dense", (sizes[0], 1, 1), layers, threshold, input_reset=reset)


def limited(**figures: Any) -> Chip:
    return replace(LOIHI, synapse_core=replace(LOIHI.synapse_core, **figures))


def test_a_synapse_takes_its_weight_and_its_target() -> None:
    """20 inputs to 30 outputs: 600 synapses x (8 + 10) bits, and 30 biases x 8 bits: 10,800 + 240 = 11,040 bits."""
    network = dense(20, 30, 5)
    program = map_graph(from_integer(network), LOIHI, anneal_moves=0)
    assert program.parts.weight_bits[program.parts_of("fc0")].tolist() == [11_040]
    assert program.parts.weight_bits[program.parts_of("fc1")].tolist() == [30 * 5 * 18 + 5 * 8]
    map_graph(from_integer(network), limited(weight_memory_bits=11_040), anneal_moves=0)
    tight = map_graph(from_integer(network), limited(weight_memory_bits=11_039), anneal_moves=0)  # so it is cut in two
    assert len(tight.parts_of("fc0")) == 2
    with pytest.raises(DoesNotFit, match=r"needs 368 bits of synapse_core.weight_memory_bits, limit 367 \(short by 1\)"):
        map_graph(from_integer(network), limited(weight_memory_bits=367), anneal_moves=0)  # one output: 20 x 18 + 8


def test_lines_of_a_convolution_are_stored_once() -> None:
    """A 3-wide kernel over a line of 6: columns reach outputs by taps {0}, {1, 0}, {2, 1, 0} twice, {2, 1}, {2}: 9 of 12 once."""
    node = Convolution2d("c", (Port("s", 0, 2 * 36),), (1, 3 * 16), (2, 6, 6), (3, 3))
    assert stored_synapses(node, 0, 48, "kernel") == 3 * 2 * 9
    assert stored_synapses(node, 0, 48, "synapses") == 3 * 16 * 2 * 9  # 864: each output its fan-in
    # in the other direction nothing is shared: 12 taps of the lines, 9 of the columns, 2 channels in, 3 out
    assert stored_synapses(node, 0, 48, "line") == 12 * 9 * 2 * 3 == 648
    # the first two lines of channel 0: 6 taps of lines
    assert stored_synapses(node, 0, 8, "line") == 6 * 9 * 2


def plainly_stored(node: Convolution2d, start: int, stop: int) -> int:
    """Lists of (shift, tap) per neuron in front and, along a line, each different one once."""
    height, width = node.plane
    lists: Counter[tuple[object, ...]] = Counter()
    for channel in range(node.image[0]):
        for y in range(node.image[1]):
            found = set()
            for x in range(node.image[2]):
                met = []
                for output in range(start, stop):
                    o, p, q = output // (height * width), output // width % height, output % width
                    if o // (node.channels // node.groups) != channel // (node.image[0] // node.groups):
                        continue
                    ky, kx = y + node.padding[0] - p * node.stride[0], x + node.padding[1] - q * node.stride[1]
                    if 0 <= ky < node.kernel[0] and 0 <= kx < node.kernel[1]:
                        met.append((o, p, q, ky, kx))
                shift = min((q for _, _, q, _, _ in met), default=0)
                found.add(tuple((o, p, q - shift, ky, kx) for o, p, q, ky, kx in met))
            lists.update({(channel, y, one): len(one) for one in found})
    return sum(lists.values())


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("groups", [1, 2])
def test_stored_lines_are_those_listed_one_by_one(stride: int, padding: int, groups: int) -> None:
    size = (7 + 2 * padding - 3) // stride + 1
    node = Convolution2d(
        "c", (Port("s", 0, 196),), (1, 4 * size * size), (4, 7, 7), (3, 3), (stride, stride), (padding, padding), groups=groups
    )
    for start, stop in ((0, node.width), (0, size * size), (size * size, 3 * size * size), (0, size)):
        assert stored_synapses(node, start, stop, "line") == plainly_stored(node, start, stop)


def test_intels_network_takes_what_its_compiler_says_where_that_can_be_known() -> None:
    """Output axons of conv1 and conv2, synapses of conv3 and conv4 are the compiler's; no core takes more words than it says."""
    silicon = mnist_on_loihi()
    program = map_partition(from_integer(silicon.network), LOIHI, DATA_DIR / "mnist_loihi_partition.yaml")
    parts, out = program.parts, axons_out(program)
    assert [sorted(out[parts.core[program.parts_of(name)]].tolist()) for name in ("conv1", "conv2")] == [
        [4032] * 4,
        [486] + [1215] * 6,
    ]
    stored = {
        node.name: sorted(
            stored_synapses(node, int(parts.out_start[p]), int(parts.out_stop[p]), "line") for p in program.parts_of(node.name)
        )
        for node in program.graph.of_type(Convolution2d)
    }
    assert stored["conv3"] == [38_400, 42_240, 42_240] and stored["conv4"] == [10_240]
    compiled = {"conv1": [5427] * 4, "conv2": [6144] + [14_400] * 6, "conv3": [14_400, 15_840, 15_840], "conv4": [3072]}
    for name, words in compiled.items():
        assert (np.sort(parts.weight_bits[program.parts_of(name)]) <= 64 * np.array(words)).all()


def test_a_table_of_output_axons_has_a_place_per_neuron_and_receiving_core() -> None:
    """12 neurons on core 0 reach the two cores of fc1: 24 places."""
    graph = from_integer(dense(3, 12, 8, 2))
    layers = {
        "input.current": {"cores": [0]},
        "fc0": {"cores": [1]},
        "fc1": {"cores": [2, 3], "channels": 2},
        "fc2": {"cores": [4]},
    }
    partition = Partition.model_validate({"layers": layers})
    program = map_partition(graph, limited(max_axons_out=24), partition)
    assert axons_out(program).tolist() == [3, 24, 4, 4, 0]
    with pytest.raises(
        DoesNotFit, match=r"core 1 with 'fc0', 'fc0.neurons' needs 24 axons out of synapse_core.max_axons_out, limit 23"
    ):
        map_partition(graph, limited(max_axons_out=23), partition)


def test_a_soft_reset_takes_two_compartments_and_a_hard_one_takes_one() -> None:
    """513 neurons: 1,026 compartments do not fit 1,024; 512 do, exactly. Each has a membrane, and each is swept."""
    cases: tuple[tuple[Reset, int], ...] = (("value", 1), ("subtract", 2))
    for reset, places in cases:
        program = map_graph(from_integer(dense(4, 512, 2, reset=reset)), LOIHI, anneal_moves=0)
        mine = program.parts.core == program.parts.core[program.parts_of("fc0")[0]]
        names = [program.node_names[at] for at in program.parts.node[mine]]
        taken = dict(zip(names, program.parts.neurons[mine].tolist(), strict=True))
        assert taken["fc0"] + taken["fc0.neurons"] == 512 * places
        state = program.parts.state_bits[program.parts_of("fc0.neurons")].tolist()
        assert state == [512 * 24 * places]
    assert len(map_graph(from_integer(dense(4, 513, 2)), LOIHI, anneal_moves=0).parts_of("fc0")) == 1
    soft = map_graph(from_integer(dense(4, 513, 2, reset="subtract")), LOIHI, anneal_moves=0)
    assert len(soft.parts_of("fc0")) == 2
    # a core with 512 of them sweeps 1,024 compartments of 5.3 ns
    wiring = wiring_of(map_graph(from_integer(dense(4, 512, 2, reset="subtract")), limited(max_neurons=1024), anneal_moves=0))
    assert wiring.net.sweep_ps.max() >= 1024 * 5300


@pytest.mark.parametrize(("reset", "places"), [("value", 1), ("subtract", 2)])
def test_neurons_are_billed_by_hand(reset: Reset, places: int) -> None:
    """One input current of 6 against a threshold of 10, reset "value": 6, 12 fires, 6, 12 fires: steps 2 and 4 of 5.

    Reset by subtraction: 6, 12 -> 2, 8, 14 -> 4, 10 (not above 10): steps 2 and 4 too. fc0, 2 neurons: weight 1, never fires.
    Updates: 1 + 2 neurons x 5 steps = 15 a place: 2 active, 13 inactive; fc1 has membranes that the host reads, no neurons.
    """
    network = dense(1, 2, 1, reset=reset)
    activity = execute(map_graph(from_integer(network), LOIHI, anneal_moves=0), np.full((1, 1, 1, 1), 6), 5, keep_spikes=1)
    report = price(activity, LOIHI)
    bill = report.comparison("executed").snn
    counts = dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))
    assert (counts["neuron_update_active"], counts["neuron_update_inactive"]) == (2 * places, 13 * places)
    spent = sum(line.energy_pj or 0.0 for line in report.lines() if line.role == "neuron update")
    assert spent == pytest.approx(places * (2 * 81 + 13 * 52), rel=1e-12)
