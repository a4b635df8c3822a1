"""Do networks trained as spiking fire as PyTorch and SpikingJelly say, on whole arrays and event by event?"""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from examples.spiking_transformers import LIFNode
from synaptile.conversion.graph import SpikingGraph, load_graph, save_graph
from synaptile.conversion.torch_snn import from_torch_snn
from synaptile.energy import price
from synaptile.foundation.errors import InputError, ModelError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference, schedule
from tests.simulator.runs import needs_compiler
from tests.trained.models import (
    STEPS,
    IFNode,
    Merged,
    Timed,
    convolutional,
    images,
    lively,
    observed,
    transformer,
)

SHAPE = (1, 2, 8, 8)


def spikingjelly() -> Any:
    """The library's package of layers and neurons; the test is skipped where it is absent."""
    for part in ("neuron", "layer", "functional"):
        pytest.importorskip(f"spikingjelly.activation_based.{part}", reason="SpikingJelly is not installed")
    return pytest.importorskip("spikingjelly.activation_based")


def assert_fires_alike(graph: SpikingGraph, model: nn.Module, x: torch.Tensor) -> None:
    """Spikes of every site at every step, and logits at the last."""
    expected, logits = observed(model, x)
    run = reference(graph, x.numpy(), STEPS)
    for name, spikes in expected.items():
        found = run.spikes[name].reshape(STEPS, len(x), -1)
        own = spikes.reshape(found.shape)
        np.testing.assert_array_equal(found, own, err_msg=name)
        assert own.any(), f"{name} never fires: the comparison is empty"
    np.testing.assert_allclose(run.logits[-1], logits, rtol=0, atol=1e-12)


@given(
    tau=st.sampled_from([1.0, 1.5, 2.0, 4.0]),
    v_reset=st.sampled_from([None, 0.0, 0.25, -0.5]),
    decay_input=st.booleans(),
    v_threshold=st.sampled_from([0.5, 1.0]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=12, deadline=None)
def test_neurons_fire_as_their_equations_say(tau: float, v_reset: Any, decay_input: bool, v_threshold: float, seed: int) -> None:
    node = partial(LIFNode, tau=tau, v_reset=v_reset, decay_input=decay_input, v_threshold=v_threshold)
    model = convolutional(node(), IFNode(v_reset=v_reset, v_threshold=v_threshold), seed)
    x = images(2, 2, 8, seed)
    expected, logits = observed(model, x)
    run = reference(from_torch_snn(model, SHAPE, STEPS), x.numpy(), STEPS)
    for name, spikes in expected.items():
        np.testing.assert_array_equal(run.spikes[name].reshape(STEPS, 2, -1), spikes.reshape(STEPS, 2, -1))
    np.testing.assert_allclose(run.logits[-1], logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize("structure", ["spikformer", "spike_driven", "qkformer"])
def test_transformers_fire_as_pytorch_says(structure: str) -> None:
    model = transformer(structure)
    graph = from_torch_snn(model, (1, 3, 16, 16), STEPS)
    x = images(2, 3, 16)
    expected, logits = observed(model, x)
    run = reference(graph, x.numpy(), STEPS)
    for name, spikes in expected.items():
        np.testing.assert_array_equal(run.spikes[name].reshape(STEPS, 2, -1), spikes.reshape(STEPS, 2, -1), err_msg=name)
        assert spikes.any(), f"{name} never fires: the comparison is empty"
    np.testing.assert_allclose(run.logits[-1], logits, rtol=0, atol=1e-12)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("structure", ["spikformer", "spike_driven", "qkformer"])
def test_transformers_are_executed_counted_scheduled_and_priced(structure: str) -> None:
    graph = from_torch_snn(transformer(structure), (1, 3, 16, 16), STEPS)
    chip, x = load_chip("ecmt45"), images(2, 3, 16).numpy()
    expected = reference(graph, x, STEPS)
    activity = execute(map_graph(graph, chip, seed=0, anneal_moves=10), x, STEPS, "float64", keep_spikes=2)
    for site in graph.sites:
        masks = activity.spikes[site.name].masks
        assert masks is not None
        fired = np.unpackbits(masks, axis=-1, count=site.width)
        np.testing.assert_array_equal(fired, expected.spikes[site.name], err_msg=site.name)
    for index, name in enumerate(activity.accounting.nodes):
        np.testing.assert_array_equal(activity.accounting.eq30[index], expected.eq30[name], err_msg=name)
    report = price(activity, chip, timeline=schedule(activity))
    assert report.top == "static"
    assert all(report.ratio(rung) > 0 for rung in ("eq30", "executed", "memory", "noc", "static"))


@pytest.mark.parametrize(("v_reset", "decay_input"), [(0.0, True), (0.0, False), (None, True), (-0.5, False)])
@pytest.mark.parametrize("step_mode", ["s", "m"])
def test_spikingjelly_fires_alike(step_mode: str, v_reset: Any, decay_input: bool) -> None:
    base = spikingjelly()
    torch.manual_seed(3)
    options = {"v_reset": v_reset, "decay_input": decay_input}
    layer, neuron = base.layer, base.neuron
    model = nn.Sequential(
        layer.Conv2d(2, 6, 3, padding=1),
        layer.BatchNorm2d(6),
        neuron.LIFNode(tau=2.0, **options),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Linear(96, 12),
        neuron.ParametricLIFNode(init_tau=1.5, v_threshold=0.1, **options),
        layer.Linear(12, 8),
        neuron.IFNode(v_reset=v_reset, v_threshold=0.25),
    ).double()
    model[1].load_state_dict(lively(6).double().state_dict())
    base.functional.set_step_mode(model, step_mode)
    model.eval()
    shape = (STEPS, *SHAPE) if step_mode == "m" else SHAPE
    graph = from_torch_snn(model, shape, STEPS)
    x = images(1, 2, 8)
    found = reference(graph, x.numpy(), STEPS).spikes
    if step_mode == "m":
        expected = observed(model, x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1))[0]
    else:
        steps = [observed(model, x)[0] for _ in range(STEPS)]
        expected = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    assert expected["2"].any() and expected["6"].any()
    for name, spikes in expected.items():
        np.testing.assert_array_equal(found[name].reshape(STEPS, -1), spikes.reshape(STEPS, -1), err_msg=name)


@pytest.mark.parametrize("structure", ["spikformer", "spike_driven"])
def test_transformers_fire_as_with_spikingjellys_neurons(structure: str) -> None:
    base = spikingjelly()
    model = transformer(structure, node=partial(base.neuron.LIFNode, step_mode="m"))
    graph = from_torch_snn(model, (1, 3, 16, 16), STEPS)
    x = images(2, 3, 16)
    with torch.no_grad():
        logits = model(x).numpy()
    np.testing.assert_allclose(reference(graph, x.numpy(), STEPS).logits[-1], logits, rtol=0, atol=1e-12)


def test_sums_of_spikes_reach_a_layer_as_events_of_each_addend() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.first = Merged(nn.Sequential(nn.Conv2d(2, 4, 1), lively(4))), LIFNode()
            self.inner, self.second = Merged(nn.Sequential(nn.Conv2d(4, 4, 1), lively(4))), LIFNode()
            self.last = Merged(nn.Conv2d(4, 3, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a = self.first(self.stem(x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)))
            return self.last(a + self.second(self.inner(a))).flatten(2).mean(0)

    torch.manual_seed(5)
    model = Residual().double().eval()
    graph = from_torch_snn(model, SHAPE, STEPS)
    assert [port.node for port in graph.nodes["last.layer"].inputs] == ["first", "second"]
    x = images(2, 2, 8)
    assert_fires_alike(graph, model, x)
    expected = observed(model, x)[0]
    both = sum(spikes.sum(axis=(2, 3, 4)) for spikes in expected.values())
    activity = execute(map_graph(graph, load_chip("ecmt45"), anneal_moves=10), x.numpy(), STEPS, "float64")
    counted = activity.accounting.eq30[activity.accounting.nodes.index("last.layer")]
    np.testing.assert_array_equal(counted, 3 * both)


def test_a_saved_graph_is_the_same(tmp_path: Any) -> None:
    graph = from_torch_snn(transformer("qkformer"), (1, 3, 16, 16), STEPS)
    save_graph(graph, tmp_path / "net.spk")
    assert load_graph(tmp_path / "net.spk").digest == graph.digest


def small() -> nn.Module:
    return convolutional(LIFNode(), LIFNode())


def in_training(model: Any) -> nn.Module:
    return model.train()


def with_state(model: Any) -> nn.Module:
    model.layers[1].v = torch.ones(3)
    return model


def with_unknown_neuron(model: Any) -> nn.Module:
    class QIFNode(LIFNode):
        pass

    model.layers[4] = QIFNode().eval()
    return model


def with_one_single_step(model: Any) -> nn.Module:
    model.layers[1].step_mode = "s"
    return model


def all_single_step(model: Any) -> nn.Module:
    for module in model.modules():
        if isinstance(module, LIFNode):
            module.step_mode = "s"
    return model


def with_softmax(model: Any) -> nn.Module:
    model.layers.insert(3, nn.Softmax(2).eval())
    return model


def with_layer_on_currents(model: Any) -> nn.Module:
    del model.layers[4]
    return model


def without_neurons(model: Any) -> nn.Module:
    return Timed(nn.Flatten(2), nn.Linear(128, 5)).double().eval()


def with_not_a_number(model: Any) -> nn.Module:
    next(model.parameters()).data[0] = float("nan")
    return model


REFUSED = [
    (in_training, ["training mode", "model.eval()"]),
    (with_state, ["'layers.1'", "state", "reset_net"]),
    (with_unknown_neuron, ["'layers.4'", "QIFNode", "IFNode"]),
    (with_one_single_step, ["'layers.1'", "'layers.4'", "set_step_mode"]),
    (all_single_step, ["layers.1", "set_step_mode"]),
    (with_softmax, ["layers.3", "softmax"]),
    (with_layer_on_currents, ["real values", "put neurons in front"]),
    (without_neurons, ["no spiking neurons"]),
    (with_not_a_number, ["NaN"]),
]


@pytest.mark.parametrize(("spoil", "said"), REFUSED, ids=[spoil.__name__ for spoil, _ in REFUSED])
def test_bad_models_are_refused_by_name(spoil: Any, said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        from_torch_snn(spoil(small()), SHAPE, STEPS)
    for words in said:
        assert words in str(caught.value)


def test_a_trace_leaves_the_model_as_it_was() -> None:
    model, x = small(), images(1, 2, 8)
    with torch.no_grad():
        before = model(x)
        with pytest.raises(ModelError):
            from_torch_snn(with_softmax(small()), SHAPE, STEPS)
        from_torch_snn(model, SHAPE, STEPS)
        assert torch.equal(model(x), before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"input_shape": (2, 2, 8, 8)}, "one sample"),
        ({"input_shape": (4, 1, 2, 8, 8)}, "3 steps in front"),
        ({"steps": 0}, "at least 1"),
        ({"input": "video"}, "'image' or 'spikes'"),
        ({"model": "net"}, "torch.nn.Module"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"model": small(), "input_shape": SHAPE, "steps": STEPS} | arguments
    with pytest.raises(InputError, match=said):
        from_torch_snn(**given)
