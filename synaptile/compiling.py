"""The first run on a machine compiles kernels, for a minute or so: told as Numba begins and ends each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

_Untyped: Any = event.Listener


class _Counter(_Untyped):  # type: ignore[misc]
    """Functions compiled so far; those that Numba finds in its cache are none."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self.told, self.done = told, 0

    def on_start(self, _: event.Event) -> None:
        self.told(self.done)

    def on_end(self, _: event.Event) -> None:
        self.done += 1
        self.told(self.done)


@contextmanager
def compilations(told: Callable[[int], None]) -> Iterator[None]:
    """While the context lasts, `told` gets how many functions have been compiled, as each begins and ends."""
    with event.install_listener("numba:compile", _Counter(told)):
        yield
