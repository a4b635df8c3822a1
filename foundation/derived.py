"""What follows from an object that never changes is derived once, and kept with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

R = TypeVar("R")


def derived(function: Callable[..., R]) -> Callable[..., R]:
    """Remember what `function` makes of its first argument, as long as that lives; further arguments are hashable.

    For frozen objects with a ``__dict__``: `dataclasses.replace` makes one that knows nothing yet. Results are shared, to be read
    only.
    """
    name = f"derived {function.__module__}.{function.__qualname__}"

    @wraps(function)
    def wrapped(one: object, *further: Hashable) -> R:
        held: dict[tuple[Hashable, ...], R] = vars(one).setdefault(name, {})
        if further not in held:
            held[further] = function(one, *further)
        return held[further]

    return wrapped
