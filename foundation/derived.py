"""What follows from an object that never changes is derived once, and kept with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar

R = TypeVar("R")
_SHARED = "shared results"


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


def shared(key: Callable[..., Hashable], held: int = 4) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorates a function whose results are held by its first argument and all that are `alike` it.

    ``key(*arguments)`` is all that the result follows from but what objects that are alike have in common. The last `held`
    results stay. They are to be read only.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        name = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        def wrapped(one: object, *further: Any) -> R:
            results = _shared_of(one).setdefault(name, OrderedDict())
            of = key(one, *further)
            if of not in results:
                results[of] = function(one, *further)
                while len(results) > held:
                    results.popitem(last=False)
            results.move_to_end(of)
            found: R = results[of]
            return found

        wrapped.key = key  # type: ignore[attr-defined]  # which tests hold against what the function reads
        return wrapped

    return decorate


def alike(new: R, old: object) -> R:
    """Let `new` share with `old`, of which it is a copy that differs in what keys of `shared` functions tell."""
    vars(new)[_SHARED] = _shared_of(old)
    return new


def _shared_of(one: object) -> dict[str, OrderedDict[Hashable, Any]]:
    held: dict[str, OrderedDict[Hashable, Any]] = vars(one).setdefault(_SHARED, {})
    return held
