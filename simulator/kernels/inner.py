"""How functions inside kernels are compiled: without reference counts.

Numba counts references to every array that a call hands on, atomically: a hundred cycles around a loop over sixteen neurons. What
an inner function works on is held by its caller, so there it need not; in return it allocates nothing, which Numba checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def inner(function: Function) -> Function: ...


@overload
def inner(*, inline: str = ..., error_model: str = ...) -> Callable[[Function], Function]: ...


def inner(function: Any = None, **options: Any) -> Any:
    """`njit` for functions that kernels call and that allocate nothing; bare, or with Numba's options."""
    compiled: Any = njit
    return compiled(function, cache=True, nogil=True, _nrt=False, **options)
