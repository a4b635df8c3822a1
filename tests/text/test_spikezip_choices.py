"""SpikeZIP of a text encoder: do files remember what stands in for GELU, and is GELU kept as exact as ReLU?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import ECUnit, STBIFNeurons
from synaptile.conversion.nir import to_nir
from synaptile.conversion.spikezip import calibrate_spikezip, load_qann, qann_levels, save_qann
from synaptile.foundation.errors import InputError
from synaptile.simulator import reference
from tests.text.small_encoders import lowered, sentences

FC2 = "layer.0.output.dense.in"


@pytest.mark.parametrize("kept", [True, False])
def test_the_network_with_gelu_kept_or_replaced_settles_on_its_qann(kept: bool, tmp_path: Path) -> None:
    plain = lowered()
    graph = calibrate_spikezip(plain, sentences([6, 5, 4, 3], seed=9), levels=16, keep_activations=kept)
    site = graph.nodes[FC2]
    assert isinstance(site, STBIFNeurons) and (site.low < 0) is kept
    assert ("gelu" in {unit.function for unit in graph.of_type(ECUnit)}) is kept
    batch = sentences([2, 5, 1])
    logits, levels = qann_levels(graph, batch)
    run = reference(graph, batch, 80)
    assert run.settled is not None and run.settled.all()
    steps = {site.name: site.step_size for site in graph.of_type(STBIFNeurons)}
    for name, expected in levels.items():
        assert np.array_equal(np.rint(run.spikes[name].sum(axis=0) / steps[name]), expected), name
    np.testing.assert_allclose(run.logits[-1], logits, rtol=0, atol=1e-9)
    save_qann(graph, tmp_path / "q.safetensors")
    loaded = load_qann(tmp_path / "q.safetensors", plain)
    assert loaded.nodes == graph.nodes
    assert np.array_equal(ann_forward(loaded, batch), ann_forward(graph, batch))


def test_more_levels_come_nearer_to_the_encoder_where_gelu_is_kept() -> None:
    plain, batch, calibration = lowered(seed=3), sentences([6, 4, 2, 5]), sentences([6, 5, 4, 3, 6, 6], seed=9)
    answers = ann_forward(plain, batch)
    near = [
        (ann_forward(calibrate_spikezip(plain, calibration, levels=levels, keep_activations=True), batch) * answers).sum(axis=1)
        for levels in (8, 64, 512)
    ]
    assert near[0].mean() < near[1].mean() < near[2].mean() and near[2].min() > 0.999


def test_nir_does_not_express_text() -> None:
    pytest.importorskip("nir", reason="NIR graphs are written by its package")
    with pytest.raises(InputError, match="token"):
        to_nir(lowered())
