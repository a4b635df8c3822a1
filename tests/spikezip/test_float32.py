"""In float32, layer by layer on the QANN's own values: do counts differ only at ties, and then by one (proof 4)?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import forward, quantised_levels
from synaptile.conversion.graph import Neurons, STBIFNeurons
from synaptile.simulator.dense.units import STBIFSite
from tests import bounds
from tests.spikezip.networks import images_of, small_qann


def test_teacher_forced_counts_in_float32() -> None:
    graph = small_qann(6, width=16)
    images = images_of(graph, 12)
    exact: dict[str, NDArray[np.float64]] = {}
    values: dict[str, NDArray[np.float64]] = {}

    def teach(site: Neurons, x: NDArray[np.float64]) -> NDArray[np.float64]:
        assert isinstance(site, STBIFNeurons)
        values[site.name], exact[site.name] = x, quantised_levels(site, x)
        return exact[site.name] * site.step_size

    forward(graph, images, teach)
    rng, met = np.random.default_rng(0), 0

    def learn(site: Neurons, x: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal met
        assert isinstance(site, STBIFNeurons)
        assert x.dtype == np.float32
        for row, wanted, value in zip(x, exact[site.name], values[site.name], strict=True):
            unit = STBIFSite(site, np.dtype(np.float32))
            parts = rng.dirichlet(np.ones(4)).astype(np.float32)
            pieces = [row * part for part in parts[:-1]]
            pieces.append(row - np.sum(pieces, axis=0, dtype=np.float32))
            for t in range(site.levels + 4):
                unit.step(t + 1, [pieces[t] if t < 4 else np.zeros_like(row)])
            off = unit.tracer - wanted
            distance = np.abs((value / site.step_size) % 1.0 - 0.5)
            # In steps: what the value itself is off in float32, and the roundings of four pieces and a sum of levels + 4 terms.
            terms = site.levels + 4 + 12
            within = np.abs(row - value) / site.step_size
            within += bounds.gamma(terms, np.float32) * (np.abs(value) / site.step_size + site.levels)
            assert np.abs(off).max(initial=0) <= 1
            assert (distance <= within)[off != 0].all(), (site.name, distance[off != 0])
            met += row.size
        return (exact[site.name] * site.step_size).astype(np.float32)

    forward(graph, images.astype(np.float32), learn)
    assert met > 60_000
