"""The run on places: a tensor subclass whose operators move numbers of elements, or leave nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from synaptile.conversion.graph.node import Law
from synaptile.conversion.torch_snn.builder import Builder
from synaptile.conversion.torch_snn.check import is_neuron
from synaptile.foundation.errors import ModelError

MOVES = frozenset(
    (
        *("reshape", "view", "flatten", "unflatten", "permute", "transpose", "squeeze", "unsqueeze", "chunk", "split", "unbind"),
        *("__getitem__", "expand", "expand_as", "repeat", "contiguous", "clone", "detach", "swapaxes", "swapdims", "movedim"),
        *("moveaxis", "t", "view_as", "reshape_as", "to", "float", "double", "type", "type_as", "cpu", "broadcast_to", "ravel"),
        *("tensor_split", "select", "narrow"),
    )
)
"""Operators that only move elements, or nothing at all."""


@dataclass(frozen=True)
class Origin:
    """What elements are numbers of: of the stream of one node, or of the sum of several sites' spikes.

    The numbers of what changes over time (`timed`) go on from step to step, `size` of them each. `waiting` is work that the next
    layer takes over: a pooling of spikes, a product of spikes, half an attention.
    """

    nodes: tuple[str, ...]
    size: int
    spikes: bool
    timed: bool
    waiting: Any = None
    law: Law | None = None


@dataclass
class Run:
    """One trace. `rules` of operators, by name, leave nodes; `fire` leaves a site for a neuron."""

    builder: Builder
    steps: int
    rules: Mapping[str, Callable[..., Places]]
    fire: Callable[[Run, str, Any, Any], Places]
    path: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The module that runs."""
        return self.path[-1] if self.path else "model"

    def refuse(self, what: str) -> ModelError:
        """An error that names the module."""
        return ModelError(f"module {self.where!r}: {what}")


class Places(torch.Tensor):
    """Numbers of elements, float64, where a model has values."""

    run: Run
    origin: Origin

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Move, or leave a node."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "unknown")
        first = next(_places((*args, *kwargs.values())), None)
        if first is not None and name in first.run.rules:
            return first.run.rules[name](first.run, *args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **kwargs)
        if first is None or (name == "__get__" and not isinstance(found, torch.Tensor)):
            return found
        if not _holds_tensor(found):
            return found
        if name not in MOVES and name not in ("__get__",):
            raise first.run.refuse(f"operator {name!r} has no counterpart on cores: docs/trained.md lists those that have")
        return _wrapped(found, first)


def places(run: Run, data: torch.Tensor, origin: Origin) -> Places:
    """Numbers of an origin's elements."""
    made = data.detach().double().as_subclass(Places)
    made.run, made.origin = run, origin
    return made


def plain(value: Any) -> torch.Tensor:
    """The numbers themselves."""
    with torch._C.DisableTorchFunctionSubclass():
        return torch.Tensor.as_subclass(value, torch.Tensor)


def _places(args: Any) -> Iterator[Places]:
    for value in args:
        if isinstance(value, Places):
            yield value
        elif isinstance(value, list | tuple):
            yield from _places(value)


def _holds_tensor(found: Any) -> bool:
    return isinstance(found, torch.Tensor) or (isinstance(found, list | tuple) and any(map(_holds_tensor, found)))


def _wrapped(found: Any, first: Places) -> Any:
    if isinstance(found, torch.Tensor):
        return places(first.run, found.as_subclass(torch.Tensor), first.origin)
    return (
        type(found)(_wrapped(each, first) for each in found)
        if type(found) in (list, tuple)
        else tuple(_wrapped(each, first) for each in found)
    )


@contextmanager
def followed(model: torch.nn.Module, run: Run) -> Iterator[None]:
    """Modules say that they run, and neurons leave sites instead of running."""
    handles: list[Any] = []
    replaced: list[torch.nn.Module] = []

    def entering(name: str) -> Callable[..., None]:
        return lambda *_: run.path.append(name)

    def leaving(*_: Any) -> None:
        run.path.pop()

    def firing(name: str, module: torch.nn.Module) -> Callable[[Any], Any]:
        return lambda x: run.fire(run, name, module, x)

    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(entering(name or type(model).__name__)))
            handles.append(module.register_forward_hook(leaving))
            if is_neuron(module):
                module.__dict__["forward"] = firing(name, module)
                replaced.append(module)
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in replaced:
            del module.__dict__["forward"]
