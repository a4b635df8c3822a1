"""What a process keeps between its tasks: all hidden state of studies. It saves time alone, no figure depends on it.

Kept are the last few contexts, runs, structures, calibrations, image sets, programs of data sets, and runs as other mappings see
them. Their keys are digests, or paths whose content a digest beside them checks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import _lru_cache_wrapper, lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")
_FORGET: list[Callable[[], None]] = []


def kept(most: int) -> Callable[[Callable[..., Value]], _lru_cache_wrapper[Value]]:
    """Decorates a function whose last `most` results are kept."""

    def decorate(function: Callable[..., Value]) -> _lru_cache_wrapper[Value]:
        cached = lru_cache(maxsize=most)(function)
        _FORGET.append(cached.cache_clear)
        return cached

    return decorate


class Kept(Generic[Value]):
    """The last few values made, by a key; for functions of what has no hash."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        _FORGET.append(self._values.clear)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it is not kept."""
        if key not in self._values:
            self._values[key] = make()
            while len(self._values) > self.most:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


def forget() -> None:
    """Drop everything that is kept."""
    for drop in _FORGET:
        drop()
