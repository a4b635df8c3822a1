"""How the kernels of this package are compiled.

A cached kernel holds the machine code of what it calls in other files, and Numba does not see when those change: after editing
`heaps.py` or `links.py`, delete `__pycache__` of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function that neither makes nor keeps an array, without reference counting.

    Counting references to the arrays of NamedTuples would take half of the time.
    """
    compiled: Function = njit(cache=True, _nrt=False)(function)  # type: ignore[call-overload]  # the stubs leave that option out
    return compiled
