"""How functions that make no array are compiled: without reference counts.

Numba counts references to every array that a call hands on, atomically: a hundred cycles around a loop over sixteen neurons, half
the time of a schedule. What such a function works on is held by its caller, so there it need not.

A cached function holds the machine code of what it calls in other files, and Numba does not see when those change: after editing
one, delete the `__pycache__` of the folders that call it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def uncounted(function: Function) -> Function: ...


@overload
def uncounted(*, inline: str = ..., error_model: str = ...) -> Callable[[Function], Function]: ...


def uncounted(function: Any = None, **options: Any) -> Any:
    """`njit` for functions that neither make nor keep an array, which Numba checks; bare, or with Numba's options."""
    compiled: Any = njit  # its stubs leave `_nrt` out
    return compiled(function, cache=True, nogil=True, _nrt=False, **options)
