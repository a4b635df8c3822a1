"""A spiking model before it is traced: evaluation mode, states reset, known neurons, one step mode."""

from __future__ import annotations

from typing import Any

import torch

from synaptile.conversion.graph import DiscreteNeurons, Port
from synaptile.foundation.errors import ModelError, WeightsError

KNOWN = ("IFNode", "LIFNode", "ParametricLIFNode")
"""Classes of neurons that are read."""


def is_neuron(module: torch.nn.Module) -> bool:
    """Whether a module is a neuron: it has a threshold, or comes from a library's file of neurons."""
    return hasattr(module, "v_threshold") or type(module).__module__.endswith(".neuron")


def check_model(model: torch.nn.Module) -> bool:
    """Whether the model is multi-step. Raises ModelError and WeightsError."""
    neurons = [(name, module) for name, module in model.named_modules() if is_neuron(module)]
    if not neurons:
        raise ModelError(f"model {type(model).__name__} has no spiking neurons: convert it as an ANN, st.convert")
    for name, module in model.named_modules():
        if module.training:
            raise ModelError(f"module {name or type(model).__name__!r} is in training mode: call model.eval() first")
    for name, module in neurons:
        if type(module).__name__ not in KNOWN:
            raise ModelError(
                f"neuron {name!r} is a {type(module).__name__}, known are {', '.join(KNOWN)}: replace it, or write the "
                "network as a NIR file (st.from_nir)"
            )
        _check_reset(name, module)
    modes = {name: getattr(module, "step_mode", "s") for name, module in neurons}
    if len(set(modes.values())) > 1:
        odd = {mode: next(name for name, own in modes.items() if own == mode) for mode in ("s", "m")}
        raise ModelError(
            f"neuron {odd['s']!r} is in single-step mode, {odd['m']!r} in multi-step mode: set one for all, "
            "functional.set_step_mode(model, 'm')"
        )
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"weights: {name!r} holds values that are NaN or infinite: repair the checkpoint")
    return "m" in modes.values()


def neurons_of(name: str, module: Any, port: Port, shape: tuple[int, ...]) -> DiscreteNeurons:
    """The site of a neuron module."""
    kind = type(module).__name__
    reset = module.v_reset
    threshold = float(module.v_threshold)
    if kind == "IFNode":
        tau, decay_input = 0.0, False
    elif kind == "LIFNode":
        tau, decay_input = float(module.tau), bool(module.decay_input)
    else:
        tau, decay_input = 1.0 / float(torch.as_tensor(module.w).detach().double().sigmoid()), bool(module.decay_input)
    return DiscreteNeurons(
        name,
        (port,),
        shape,
        "subtract" if reset is None else "value",
        tau,
        decay_input,
        threshold,
        0.0 if reset is None else float(reset),
    )


def _check_reset(name: str, module: Any) -> None:
    start = 0.0 if getattr(module, "v_reset", None) is None else float(module.v_reset)
    v = getattr(module, "v", start)
    if isinstance(v, torch.Tensor) or (v is not None and float(v) != start):
        raise ModelError(
            f"neuron {name!r} holds the state of an earlier run: call functional.reset_net(model) of SpikingJelly first"
        )
