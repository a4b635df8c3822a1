"""Is the PyTorch QANN the NumPy one, with LSQ's gradients, and does tuning it help?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import SpikingGraph, STBIFNeurons
from synaptile.conversion.spikezip import calibrate_spikezip, qann_levels
from synaptile.foundation.errors import GraphError, InputError
from tests.bounds import unit_roundoff
from tests.graphs import vit_graph
from tests.simulator.runs import some_images
from tests.spikezip.networks import images_of, small_qann

torch = pytest.importorskip("torch", reason="torch is not installed: a QANN cannot be tuned (extra `convert`)")

from synaptile.conversion.spikezip.finetune import TuningRecipe, fine_tune  # noqa: E402  # needs torch only when run
from synaptile.conversion.spikezip.module import QANN, SMALLEST_STEP, quantise  # noqa: E402  # needs torch

pytestmark = pytest.mark.slow


def test_both_compute_the_same_logits() -> None:
    graph = small_qann()
    images = images_of(graph, 5)
    network = QANN(graph).double()
    with torch.no_grad():
        for site, step in network.steps.items():
            node = graph.nodes[site.replace("/", ".")]
            assert isinstance(node, STBIFNeurons)
            step.copy_(torch.tensor(node.step_size, dtype=torch.float64))
        found = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, qann_levels(graph, images)[0], rtol=0, atol=1e-12)


def test_what_was_not_tuned_comes_back_unchanged() -> None:
    graph = small_qann()
    again = QANN(graph).to_graph()
    assert all(np.array_equal(again.arrays[name], array) for name, array in graph.arrays.items())
    kept, steps = ([site.theta1 for site in g.sites] for g in (again, graph))
    assert kept == pytest.approx(steps, rel=unit_roundoff(np.float32)), "steps are rounded once, to float32"


def test_gradients_of_the_quantiser() -> None:
    """Esser et al., Eq. 3 and 5: dx is 1 inside the range; ds is level - x/s inside, the bound outside, over sqrt(n high)."""
    x = torch.tensor([[-9.0, -1.3, 0.2, 0.7, 2.4, 50.0]], dtype=torch.float64, requires_grad=True)
    step = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    out = quantise(x, step, -8, 7)
    assert out.tolist() == [[-4.0, -1.5, 0.0, 0.5, 2.5, 3.5]]
    (out * torch.arange(1.0, 7.0)).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[0.0, 2.0, 3.0, 4.0, 5.0, 0.0]]
    level = np.array([-8, -3, 0, 1, 5, 7.0])
    each = np.where([True, False, False, False, False, True], level, level - np.array([-9.0, -1.3, 0.2, 0.7, 2.4, 50.0]) / 0.5)
    assert step.grad is not None
    assert float(step.grad) == pytest.approx((each * np.arange(1, 7)).sum() / np.sqrt(6 * 7))


def test_tuning_lowers_the_loss_and_keeps_steps_positive() -> None:
    graph = vit_graph(1, 5, 8, 2, 16, 3, dtype=np.float32)
    images = some_images(graph, 96, seed=3)
    labels = (images[:, 0].mean(axis=(1, 2)) > 0).astype(np.int64) + 2 * (images[:, 1].mean(axis=(1, 2)) > 0.1)
    labels = np.minimum(labels, 2)
    qann = calibrate_spikezip(graph, images, levels=8)

    def loss(network: SpikingGraph) -> float:
        logits = ann_forward(network, images).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        return float(-(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))[np.arange(96), labels].mean())

    done: list[tuple[int, int]] = []
    recipe = TuningRecipe(epochs=6, batch=32, learning_rate=1e-2, distillation=0.0)
    tuned = fine_tune(qann, images, labels, recipe=recipe, progress=lambda *at: done.append(at))
    assert loss(tuned) < 0.8 * loss(qann)
    assert done[-1] == (6, 6)
    assert all(isinstance(site, STBIFNeurons) and site.step_size >= SMALLEST_STEP for site in tuned.sites)
    assert {site.theta1 for site in tuned.sites} != {site.theta1 for site in qann.sites}
    again = fine_tune(qann, images, labels, recipe=recipe)
    assert again.digest == tuned.digest


def test_a_teacher_is_imitated_and_asked_for() -> None:
    graph = vit_graph(1, 5, 8, 2, 16, 3, dtype=np.float32)
    images, labels = some_images(graph, 64, seed=3), np.zeros(64, np.int64)
    qann = calibrate_spikezip(graph, images, levels=4)
    recipe = TuningRecipe(epochs=8, batch=16, learning_rate=5e-3, distillation=1.0, temperature=1.0)
    wanted = ann_forward(graph, images)
    off = [
        float(np.abs(ann_forward(g, images) - wanted).mean())
        for g in (qann, fine_tune(qann, images, labels, recipe=recipe, teacher=graph))
    ]
    assert off[1] < off[0]
    with pytest.raises(InputError, match="there is no teacher"):
        fine_tune(qann, images, labels, recipe=recipe)


def test_labels_and_graphs_that_do_not_fit() -> None:
    qann = small_qann()
    images = images_of(qann, 4)
    for labels in (np.zeros(3, np.int64), np.zeros(4), np.array([0, 1, 2, 3])):
        with pytest.raises(InputError, match="labels have shape"):
            fine_tune(qann, images, labels, recipe=TuningRecipe(distillation=0.0))
    with pytest.raises(GraphError, match="is no QANN"):
        QANN(vit_graph(1, 5, 8, 2, 16, 3))
