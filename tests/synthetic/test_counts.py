"""Are the counts of a synthetic activity those that execution makes of the same spikes, and checked as strictly?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from synaptile.conversion.nir import from_nir
from synaptile.conversion.thresholds import with_thresholds
from synaptile.energy import price
from synaptile.foundation.errors import ConservationError
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import Activity, schedule, synthesise
from synaptile.simulator.event.unit import Traffic
from synaptile.simulator.storage import load_activity, save_activity
from synaptile.simulator.synthetic.traffic import synapse_traffic
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.nir.networks import convolutional, perceptron, trains
from tests.simulator.runs import replicating_chip, some_images, splitting_chip
from tests.spikezip.networks import images_of, small_qann
from tests.synthetic.drawn import instead_of_drawing, run_with_codes, small_program, structure_of
from tests.text.small_encoders import lowered, sentences

STEPS, IMAGES = 4, 2


def assert_same_counts(drawn: Activity, run: Activity) -> None:
    for name in ("core", "node", "role", "op", "count"):
        np.testing.assert_array_equal(getattr(drawn.operations, name), getattr(run.operations, name), name)
    assert drawn.operations.roles == run.operations.roles
    for field in fields(run.accounting):
        np.testing.assert_array_equal(getattr(drawn.accounting, field.name), getattr(run.accounting, field.name), field.name)
    for site, record in run.spikes.items():
        for name in ("events", "bounds", "histogram", "masks"):
            np.testing.assert_array_equal(getattr(drawn.spikes[site], name), getattr(record, name), f"{site} {name}")
    for node, counts in run.convolutions.items():
        np.testing.assert_array_equal(drawn.convolutions[node], counts)
    np.testing.assert_array_equal(drawn.settled, run.settled)
    np.testing.assert_array_equal(drawn.lengths, run.lengths)


def program_of(case: str) -> tuple[CoreProgram, Any]:
    """A mapped network and what to show it."""
    if case in ("leaky neurons", "convolutions"):
        network = perceptron() if case == "leaky neurons" else convolutional()
        return map_graph(from_nir(network), load_chip("loihi")), trains(network, STEPS, IMAGES)
    if case == "text":
        encoder = with_thresholds(lowered(tokens=6), {site.name: (0.05, 0.07, 8) for site in lowered(tokens=6).sites})
        return map_graph(encoder, small_chip()), sentences([6] * IMAGES)
    if case == "spikezip":
        qann = small_qann()
        return map_graph(qann, small_chip()), images_of(qann, IMAGES)
    chips: dict[str, Callable[[], Chip]] = {
        "whole": small_chip,
        "split fan-in": splitting_chip,
        "replicated weights": replicating_chip,
    }
    program = small_program(dense_head=True) if case not in chips else map_graph(vit_graph(2, 5, 8, 2, 16, 3), chips[case]())
    return program, some_images(program.graph, IMAGES)


@pytest.mark.parametrize("case", ["whole", "split fan-in", "replicated weights", "real-valued head", "spikezip", "text"])
def test_an_executions_own_spikes_give_its_own_counts(case: str) -> None:
    program, samples = program_of(case)
    run, codes = run_with_codes(program, samples, STEPS, IMAGES)
    assert sum(int(np.count_nonzero(code)) for code in codes.values()) > 100
    with instead_of_drawing(codes):
        drawn = synthesise(program, STEPS, 0.5, images=IMAGES, keep_spikes=IMAGES)
    assert_same_counts(drawn, run)


@pytest.mark.parametrize("case", ["leaky neurons", "convolutions"])
def test_and_so_do_those_of_networks_from_nir(case: str) -> None:
    pytest.importorskip("nir")
    program, samples = program_of(case)
    run, codes = run_with_codes(program, samples, STEPS, IMAGES)
    with instead_of_drawing(codes):
        assert_same_counts(synthesise(program, STEPS, 0.5, images=IMAGES, keep_spikes=IMAGES), run)


def test_what_follows_execution_takes_it(tmp_path: Path) -> None:
    drawn = synthesise(small_program(), STEPS, 0.3, images=IMAGES, keep_spikes=IMAGES)
    timeline = schedule(drawn, images=IMAGES)
    bill = price(drawn, drawn.program.chip, timeline=timeline)
    assert bill.top == "static" and bill.ratio("eq30") > 0
    elsewhere = schedule(drawn, splitting_chip(axons=9), images=IMAGES)
    assert elsewhere.remapped and elsewhere.latency_cycles > 0
    save_activity(drawn, tmp_path)
    again = load_activity(tmp_path)
    assert_same_counts(again, drawn)
    assert again.synthetic == drawn.synthetic and again.logits.shape == (STEPS, IMAGES, 0)


def test_no_weights_are_needed() -> None:
    graph = small_program().graph
    bare = synthesise(structure_of(graph), STEPS, 0.3, chip=small_chip(), seed=3)
    assert_same_counts(bare, synthesise(graph, STEPS, 0.3, chip=small_chip(), seed=3))


def test_a_count_that_is_lost_is_an_error() -> None:
    def short(*arguments: object) -> Traffic:
        traffic = synapse_traffic(*arguments)  # type: ignore[arg-type]
        assert traffic.issued is not None
        traffic.issued[0, 0, 0] -= 1
        return traffic

    with (
        patch("synaptile.simulator.synthetic.synthesise.synapse_traffic", short),
        pytest.raises(ConservationError, match="spikes \\* fan-out"),
    ):
        synthesise(small_program(), STEPS, 0.5)
