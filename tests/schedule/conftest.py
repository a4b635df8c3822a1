"""Runs that several tests of this suite share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.hwmodels import Chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.schedule.naive import first_image


@pytest.fixture(scope="session")
def chip() -> Chip:
    """Cores small enough for a dozen of them, and barriers on request."""
    chip = small_chip(
        synapse={"weight_memory_bits": 90 * 32, "lanes_per_cycle": 2, "weight_bank_bits": 1024, "state_bank_bits": 1024},
        ec={"state_memory_bits": 700 * 32, "multipliers_per_cycle": 2, "state_bank_bits": 1024},
    )
    return replace(chip, barrier_ns=20.0)


@pytest.fixture(scope="session")
def other_chip(chip: Chip) -> Chip:
    """A chip that cuts other parts: other memories, lanes and packets."""
    return replace(
        chip,
        name="other",
        synapse_core=replace(chip.synapse_core, weight_memory_bits=50 * 32, lanes_per_cycle=3),
        noc=replace(chip.noc, flit_bits=64),
    )


@pytest.fixture(scope="session")
def activity(chip: Chip) -> Activity:
    """Three images, three steps, int8 so that another mapping fires the same spikes; the spikes of two images are kept."""
    return run_on(chip)


def run_on(chip: Chip, images: int = 3, keep_spikes: int = 2) -> Activity:
    """The shared network, executed on a chip."""
    graph = vit_graph(1, 6, 8, 2, 12, 3, patch=1)
    program = map_graph(graph, chip, seed=5, anneal_moves=200)
    batch = np.random.default_rng(1).standard_normal((images, *first_image(graph))).astype(np.float32)
    return execute(program, batch, 3, "int8", keep_spikes=keep_spikes)
