"""Does the embedded spiking transformer answer as its README says, the same on every machine, with every spike counted?"""

from __future__ import annotations

from functools import cache

import numpy as np

from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.data import DIGITS_SPIKFORMER, embedded_digits, preprocess_digits
from synaptile.energy import price
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference, schedule
from synaptile.simulator.dense.reference import Reference
from tests.simulator.runs import needs_compiler

STEPS, SPIKES, RIGHT = 4, 1_623_502, (158, 199, 199, 199)
"""Of the 200 embedded test digits: spikes in all steps, right answers after each. Golden: exact on every machine."""


@cache
def graph() -> SpikingGraph:
    return load_graph(DIGITS_SPIKFORMER)


@cache
def dense() -> Reference:
    return reference(graph(), preprocess_digits(embedded_digits("test").images), STEPS)


def test_accuracy_and_spikes() -> None:
    run = dense()
    assert tuple((run.logits.argmax(axis=2) == embedded_digits("test").labels).sum(axis=1)) == RIGHT
    assert sum(int(spikes.sum()) for spikes in run.spikes.values()) == SPIKES


def test_sums_are_exact_in_float32() -> None:
    """Weights are multiples of 2^-8, pixels of 2^-3, four halvings of a membrane: float64 sees the same bits."""
    single = graph()
    assert all((array * 256 == np.rint(array * 256)).all() for array in single.arrays.values())
    arrays = {name: array.astype(np.float64) for name, array in single.arrays.items()}
    double = SpikingGraph.build(single.name, single.nodes.values(), arrays, single.metadata)
    run = reference(double, preprocess_digits(embedded_digits("test").images[:40]).astype(np.float64), STEPS)
    for name, spikes in dense().spikes.items():
        np.testing.assert_array_equal(spikes[:, :40], run.spikes[name], err_msg=name)
    np.testing.assert_array_equal(dense().logits[:, :40], run.logits)


@needs_compiler
def test_cores_fire_alike_and_every_rung_is_priced() -> None:
    chip, images = load_chip("ecmt45"), preprocess_digits(embedded_digits("test").images[:8])
    activity = execute(map_graph(graph(), chip, seed=0, anneal_moves=10), images, STEPS, "float32")
    for site in graph().sites:
        counted = activity.spikes[site.name].events.sum(dtype=np.int64)
        assert counted == dense().spikes[site.name][:, :8].sum(dtype=np.int64), site.name
    halves = [0, 1, 3]  # a third of the sum of three steps is rounded
    np.testing.assert_array_equal(activity.logits[halves], dense().logits[halves, :8])
    report = price(activity, chip, timeline=schedule(activity, images=2))
    assert report.top == "static" and all(report.ratio(rung) > 0 for rung in report.comparisons)


def test_it_stays_small() -> None:
    assert DIGITS_SPIKFORMER.stat().st_size < 400_000
    assert graph().metadata["steps"] == STEPS
