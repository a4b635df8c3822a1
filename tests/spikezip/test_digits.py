"""Does the embedded QANN hold the ANN's accuracy, and its spiking network the QANN's every answer?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.spikezip import load_qann, qann_levels
from synaptile.data import DIGITS_GRAPH, DIGITS_QANN, embedded_digits, preprocess_digits
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from tests.simulator.runs import execute_keeping_spikes
from tests.spikezip.networks import counts_of

STEPS = 48


@pytest.fixture(scope="module")
def qann() -> SpikingGraph:
    return load_qann(DIGITS_QANN, load_graph(DIGITS_GRAPH))


def test_it_is_small_and_has_32_levels(qann: SpikingGraph) -> None:
    assert DIGITS_QANN.stat().st_size < 500_000
    assert {site.high - site.low + 1 for site in qann.sites} == {32}  # type: ignore[attr-defined]  # all are ST-BIF
    assert len(qann.sites) == 4 * 10 + 2


def test_the_qann_is_within_a_point_of_its_ann_on_the_embedded_digits(qann: SpikingGraph) -> None:
    test = embedded_digits("test")
    images = preprocess_digits(test.images)
    right = [int((ann_forward(g, images).argmax(axis=1) == test.labels).sum()) for g in (load_graph(DIGITS_GRAPH), qann)]
    assert right == [197, 199]


@pytest.mark.slow
def test_and_on_the_test_split(qann: SpikingGraph) -> None:
    reason = "scikit-learn, the source of the digits, is not installed"
    digits = pytest.importorskip("sklearn.datasets", reason=reason).load_digits()  # split as scripts/train_digits.py splits it
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    _, rows = split(np.arange(len(digits.target)), test_size=450, stratify=digits.target, random_state=0)
    images = preprocess_digits(digits.images[rows].astype(np.uint8))
    right = [int((ann_forward(g, images).argmax(axis=1) == digits.target[rows]).sum()) for g in (load_graph(DIGITS_GRAPH), qann)]
    assert right == [445, 448]


@pytest.mark.slow
def test_the_settled_network_answers_as_the_qann_on_all_test_digits(qann: SpikingGraph) -> None:
    test = embedded_digits("test")
    images = preprocess_digits(test.images).astype(np.float64)
    logits = qann_levels(qann, images)[0]
    activity = execute(map_graph(qann, load_chip("ecmt45"), seed=0), images, STEPS, "float64", keep_spikes=0)
    assert activity.settled is not None and activity.settled.all()
    assert (activity.logits[-1].argmax(axis=1) == logits.argmax(axis=1)).all()
    np.testing.assert_allclose(activity.logits[-1], logits, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_every_count_of_ten_digits(qann: SpikingGraph) -> None:
    images = preprocess_digits(embedded_digits("test").images[:10]).astype(np.float64)
    _, expected = qann_levels(qann, images)
    _, spikes = execute_keeping_spikes(map_graph(qann, load_chip("ecmt45"), seed=0), images, STEPS, "float64")
    for found in (counts_of(qann, spikes), counts_of(qann, dict(reference(qann, images[:2], STEPS).spikes))):
        differing = sum(int((found[site] != levels[: len(found[site])]).sum()) for site, levels in expected.items())
        assert differing == 0
