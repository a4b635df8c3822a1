"""What each operator of a spiking model leaves, by the name that PyTorch gives it, and a site for each neuron module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synaptile.conversion.torch_snn.attention import matrices
from synaptile.conversion.torch_snn.check import neurons_of
from synaptile.conversion.torch_snn.elementwise import added, divided, multiplied
from synaptile.conversion.torch_snn.forms import made, numbers_of, run_of, settled
from synaptile.conversion.torch_snn.layers import convolve, convolve_line, linear, normalise
from synaptile.conversion.torch_snn.places import Origin, Places, Run
from synaptile.conversion.torch_snn.pooling import averaged, pool_largest, pool_mean, summed


def fire(run: Run, name: str, module: Any, x: Any) -> Places:
    """A site of neurons."""
    run.path.append(name)
    if not isinstance(x, Places):
        raise run.refuse("neurons see a tensor that does not come from the input")
    if x.origin.law is not None:
        raise run.refuse("neurons stand behind a mean or sum over time: only a Linear may")
    value = settled(x)
    steps, numbers = numbers_of(value)
    multi = getattr(module, "step_mode", "s") == "m"
    if (multi and x.shape[0] != run.steps) or steps != run.steps:
        remedy = "repeat the input over time" if multi else "call functional.set_step_mode(model, 'm')"
        raise run.refuse(
            f"neurons in {'multi' if multi else 'single'}-step mode see shape {tuple(x.shape)}, {steps} steps of one sample, and "
            f"the trace has {run.steps}: {remedy}"
        )
    node = value.origin.nodes[0]
    port = run_of(run, node, numbers)
    site = neurons_of(name, module, port, (1, port.width))
    made_site = run.builder.add(site, run.builder.planes[node])
    run.path.pop()
    return made(value, steps, Origin((made_site,), port.width, True, True), numbers - port.start, x.shape)


def same(run: Run, x: Places, *_: Any, **__: Any) -> Places:
    """An operator that does nothing in evaluation mode."""
    return x


OPERATORS: dict[str, Callable[..., Places]] = {
    "conv2d": convolve,
    "conv1d": convolve_line,
    "linear": linear,
    "batch_norm": normalise,
    "max_pool2d": pool_largest,
    "adaptive_avg_pool2d": pool_mean,
    "sum": summed,
    "mean": averaged,
    **dict.fromkeys(("add", "__add__", "__radd__", "__iadd__", "add_"), added),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"), multiplied),
    **dict.fromkeys(("div", "__truediv__", "true_divide", "divide"), divided),
    **dict.fromkeys(("matmul", "__matmul__", "bmm"), matrices),
    **dict.fromkeys(("dropout", "dropout_", "dropout2d", "dropout1d", "feature_dropout"), same),
}
"""Operators that leave nodes, by the name that PyTorch gives them."""
