"""Does a run take, step by step, what its cores' sweeps, messages and operations add up to?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.integer import from_integer
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import map_graph, map_partition
from synaptile.mapper.partition import Partition
from synaptile.simulator import Activity, execute
from synaptile.simulator.barrier import step_timing, wiring_of
from synaptile.simulator.barrier.measure import fired
from tests.barrier.naive import naive_step
from tests.integer.networks import _connections, _shapes, by_hand, currents, small
from tests.nir.networks import convolutional

CHIP = load_chip("loihi-calibrated")


def timed(chip: Chip, **times: Any) -> Chip:
    assert chip.step_times is not None
    return replace(chip, step_times=replace(chip.step_times, **times))


def run(images: int = 2, steps: int = 9, delay: int = 1) -> Activity:
    layers = {"input.current": {"cores": [0]}, "a": {"cores": [1, 2], "channels": 2}, "b": {"cores": [3]}, "c": {"cores": [4]}}
    partition = Partition.model_validate({"layers": layers, "seats": [[0, 0], [1, 0], [1, 1], [2, 2], [2, 2]]})
    program = map_partition(from_integer(small(delay=delay)), CHIP, partition)
    return execute(program, currents(images), steps, keep_spikes=images)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("buffer", [1, 16])
def test_steps_are_those_of_the_naive_twin(beside: bool, buffer: int) -> None:
    activity = run()
    chip = timed(CHIP, receives_beside_sweep=beside, buffer_messages=buffer)
    timing, wiring = step_timing(activity, chip), wiring_of(activity.program, chip)
    for image in range(2):
        for step, mask in enumerate(fired(activity, wiring, image)):
            ends = np.array(naive_step(wiring.net, mask))
            assert timing.core_ps[image, step].tolist() == [ends[wiring.core == core].max() for core in range(5)]


def test_a_step_lies_between_the_work_of_its_slowest_core_and_that_of_all_counted_from_plain_python() -> None:
    """Without flight somebody is always at work."""
    network, samples = small(), currents(2)
    activity = run()
    chip = timed(CHIP, buffer_messages=1000, hop_x_ns=0, hop_y_ns=0)
    timing = step_timing(activity, chip)
    reach = [_connections(layer, shape) for layer, shape in zip(network.layers, _shapes(network), strict=False)]
    cores_of = [[0], [1, 2], [3], [4]]
    for sample in range(2):
        spikes, _, issued = by_hand(network, samples[sample], 9)
        assert timing.synops[sample].tolist() == issued.sum(axis=1).tolist()
        for step in range(9):
            work = np.zeros(5, np.int64)
            for site, cores in enumerate(cores_of):
                size = 50 if site == 0 else len(reach[site - 1])
                for at, core in enumerate(cores):
                    mine = np.arange(size // len(cores) * at, size // len(cores) * (at + 1))
                    work[core] += 9700 * mine.size
                    if site == 3:
                        continue
                    for neuron in mine[spikes[site][step][mine] == 1]:
                        work[core] += 30000
                        for number, target in enumerate(cores_of[site + 1]):
                            outputs = len(reach[site]) // len(cores_of[site + 1])
                            edges = reach[site][number * outputs : (number + 1) * outputs]
                            synops = sum(index == neuron for one in edges for index, _ in one)
                            if synops:
                                work[core] += 5100
                                work[target] += 16000 + 4700 * synops
            assert (timing.core_ps[sample, step] >= work).all()
            assert timing.core_ps[sample, step].max() <= work.sum()
            if step == 0:
                assert timing.core_ps[sample, step, 0] == work[0]  # the input core receives nothing


def test_layers_without_a_delay_fire_a_step_after_one_another() -> None:
    timing = step_timing(run(delay=0))
    assert timing.lag == 3 and timing.core_ps.shape[1] == 9 + 3
    assert step_timing(run(delay=1)).lag == 0


def test_barriers_go_by_tiles_in_use_and_by_straight_lines_between() -> None:
    activity = run()
    assert step_timing(activity).tiles == 4 and step_timing(activity).barrier_ps == 1_400_000
    rows = {"1": 100.0, "3": 300.0, "5": 900.0}
    assert step_timing(activity, timed(CHIP, barrier_ns=rows)).barrier_ps == 600_000
    assert step_timing(activity, "loihi").barrier_ps == 465_000
    assert (step_timing(activity).step_ps == step_timing(activity).core_ps.max(axis=2) + 1_400_000).all()


def test_smaller_buffers_never_make_a_chip_faster_here_and_spikes_from_outside_have_time_too() -> None:
    activity = run()
    times = [step_timing(activity, timed(CHIP, buffer_messages=size)).step_us for size in (1, 2, 16)]
    assert times[0] >= times[1] >= times[2]
    program = map_graph(from_nir(convolutional()), CHIP, anneal_moves=0)
    node = program.graph.sites[0]
    trains = (np.random.default_rng(0).random((5, 1, *node.shape[1:])) < 0.3).astype(np.float32)
    timing = step_timing(execute(program, trains, 5, keep_spikes=1))
    assert timing.lag > 0 and timing.synops.sum() > 0


def test_what_has_no_time_is_refused() -> None:
    activity = run()
    with pytest.raises(ChipError, match="chip 'ecmt45' has no section step_times: state what cores"):
        step_timing(activity, "ecmt45")
    smaller = replace(CHIP, mesh=replace(CHIP.mesh, width=4))
    with pytest.raises(InputError, match="was mapped to 'loihi-calibrated', which 'loihi-calibrated' is not like: map and run"):
        step_timing(activity, smaller)
    with pytest.raises(InputError, match="images is 3, the run kept the spikes of 2: run again with keep_spikes"):
        step_timing(activity, images=3)
