"""Does a step take what its rules say, to the last picosecond, and do full buffers stop senders?"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.simulator.barrier.kernel import BEGIN, FROM, LABEL, SINCE, START, STOP, WHY, WORKER, room_of, run_steps
from tests.barrier.naive import naive_run, naive_step, stretches
from tests.barrier.nets import drawn, ends_of, net_of


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), workers=st.integers(1, 6), buffer=st.integers(1, 3))
def test_every_worker_ends_when_the_naive_one_does(seed: int, workers: int, buffer: int) -> None:
    net, fires = drawn(seed, workers=workers, buffer=buffer)
    ends = ends_of(net, fires)
    for step, mask in enumerate(fires):
        assert ends[step].tolist() == naive_step(net, mask)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), workers=st.integers(1, 6), buffer=st.integers(1, 3))
def test_the_log_holds_what_the_naive_workers_did_and_leads_back_to_the_start(seed: int, workers: int, buffer: int) -> None:
    net, fires = drawn(seed, workers=workers, buffer=buffer)
    room, ends = room_of(net), np.zeros((1, workers), np.int64)
    for mask in fires:
        run_steps(net, mask[None], room, ends)
        log = room.log[:, : int(room.logged[0])]
        naive, arrived = naive_run(net, mask)
        for w, one in enumerate(naive):
            mine: list[tuple[int, int, int]] = []
            for begin, stop, label in log[[BEGIN, STOP, LABEL]][:, log[WORKER] == w].T.tolist():
                what = label if label >= 1000 else -1
                if mine and mine[-1][1:] == (begin, what):
                    begin = mine.pop()[0]
                mine.append((begin, stop, what))
            assert mine == stretches(net, one)
        assert sorted((when - net.flight_ps[message], message) for when, message in arrived) == sorted(
            (room.left[message], message) for _, message in arrived
        )
        origin = log[FROM]
        assert (origin < np.arange(origin.size)).all()
        assert ((origin < 0) == (log[WHY] == START)).all()
        linked = origin >= 0
        assert (log[BEGIN, origin] <= log[SINCE])[linked].all() and (log[SINCE] <= log[STOP, origin])[linked].all()
        assert (log[SINCE] <= log[BEGIN]).all() and (log[[BEGIN, SINCE]][:, ~linked] == 0).all()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), workers=st.integers(1, 6))
def test_no_worker_ends_before_its_own_work_is_done(seed: int, workers: int) -> None:
    net, fires = drawn(seed, workers=workers, buffer=1)
    for mask, ends in zip(fires, ends_of(net, fires), strict=True):
        work = net.sweep_ps.copy()
        for w in range(workers):
            for neuron in range(net.first[w], net.first[w + 1]):
                if mask[neuron]:
                    sent = slice(net.message[neuron], net.message[neuron + 1])
                    work[w] += net.spike_ps[w] + net.out_ps[w] * (sent.stop - sent.start)
                    np.add.at(work, net.to[sent], net.service_ps[sent])
        assert (ends >= work).all()


def test_a_sweep_alone_takes_its_compartments_and_spikes() -> None:
    net = net_of([[10, 20, 30]], [[], [], []], spike=7, tail=5)
    assert ends_of(net, np.array([[0, 0, 0], [1, 0, 1]], np.uint8)).ravel().tolist() == [35, 49]


def test_a_receiver_sweeps_first_and_a_full_buffer_stops_the_sender() -> None:
    """Three messages, ready at 3, 5 and 7 where there is room; the receiver sweeps until 100, then needs 50 for each."""
    one = [(1, 50, 3)] * 3
    roomy, tight = (net_of([[1], [100]], [one, []], spike=0, out=2, tail=0, buffer=b) for b in (3, 1))
    fires = np.array([[1, 0]], np.uint8)
    assert ends_of(roomy, fires).tolist() == [[1 + 3 * 2, 250]]
    # the second is ready at 5 and leaves at 100, when the receiver begins on the first; the third is ready at 102 and leaves at
    # 150, and only then the sender comes to the end of its sweep
    assert ends_of(tight, fires).tolist() == [[150, 250]]


def test_two_cores_that_fill_each_others_buffers_go_on() -> None:
    net = net_of([[1], [1]], [[(1, 5, 0)] * 4, [(0, 5, 0)] * 4], out=1, buffer=1)
    assert ends_of(net, np.array([[1, 1]], np.uint8)).tolist() == [naive_step(net, np.array([1, 1]))]
