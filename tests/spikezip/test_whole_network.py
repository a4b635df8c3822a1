"""Does a spiking network of depth 12 settle on its QANN, every count of every quantiser (proof 3)?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.spikezip import qann_levels
from synaptile.foundation.options import FinitePresentation
from synaptile.mapper import map_graph
from synaptile.simulator import reference
from tests.simulator.runs import CHIPS, execute_keeping_spikes
from tests.spikezip.networks import counts_of, images_of, small_qann

STEPS = 110


@pytest.mark.parametrize(("levels", "presentation"), [(32, "analog"), (16, "analog"), (8, "rate")])
def test_the_reference_settles_on_the_qann(levels: int, presentation: FinitePresentation) -> None:
    graph = small_qann(12, levels, presentation)
    images = images_of(graph, 3)
    logits, expected = qann_levels(graph, images)
    run = reference(graph, images, STEPS)
    assert run.settled is not None and run.settled.all()
    found = counts_of(graph, dict(run.spikes))
    assert sum(int((found[site] != levels).sum()) for site, levels in expected.items()) == 0
    np.testing.assert_allclose(run.logits[-1], logits, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_the_cores_settle_on_the_qann() -> None:
    graph = small_qann(12)
    images = images_of(graph, 3)
    logits, expected = qann_levels(graph, images)
    program = map_graph(graph, CHIPS["roomy"](), anneal_moves=50)
    activity, spikes = execute_keeping_spikes(program, images, STEPS, "float64")
    assert activity.settled is not None and activity.settled.all()
    found = counts_of(graph, spikes)
    assert sum(int((found[site] != levels).sum()) for site, levels in expected.items()) == 0
    np.testing.assert_allclose(activity.logits[-1], logits, rtol=0, atol=1e-9)
    assert len(graph.sites) == 12 * 10 + 2


def test_rate_and_analog_input_have_one_limit() -> None:
    analog, rate = small_qann(2, 16, "analog"), small_qann(2, 16, "rate")
    images = images_of(analog, 4)
    limits = [reference(graph, images, 80) for graph in (analog, rate)]
    np.testing.assert_allclose(limits[0].logits[-1], limits[1].logits[-1], rtol=0, atol=1e-9)
    assert not np.array_equal(limits[0].spikes["patch_embed.out"][:3], limits[1].spikes["patch_embed.out"][:3])
