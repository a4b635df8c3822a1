"""How kernels are compiled, and when the machine code that Numba keeps of them is out of date.

Numba counts references to every array that a call hands on, atomically: a hundred cycles around a loop over sixteen neurons, half
the time of a schedule. What an inner function works on is held by its caller, so there it need not: `uncounted`.

A cached function holds the machine code of what it calls in other files, while Numba looks at the function's own file alone. Here
a function's stamp is the contents of every file in its folder, in folders below and in `SHARED`. Processes that compile at once
add to one index: `_Index`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
from filelock import FileLock
from numba import config, njit
from numba.core.caching import IndexDataCacheFile

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED = not config.DISABLE_JIT  # type: ignore[attr-defined]  # set when numba is imported
SHARED = tuple(
    Path(__file__).resolve().parent / name
    for name in (
        "compiled.py",
        "leaky.py",
        "natural.py",
        "../mapper/compiled.py",
        "dense/arithmetic.py",
        "dense/rounding.py",
        "heaps.py",
        "kernels/dispatch.py",
        "kernels/functions.py",
        "kernels/machine.py",
        "kernels/plain.py",
        "kernels/vector/emit.py",
    )
)
"""What kernels of any folder are made of besides: this file, constants, groups of arrays, functions beside or above."""


@overload
def kernel(function: Function) -> Function: ...


@overload
def kernel(*, parallel: bool = ..., error_model: str = ...) -> Callable[[Function], Function]: ...


def kernel(function: Any = None, **options: Any) -> Any:
    """`njit`, cached and without the GIL, bare or with Numba's options."""
    return _compiled(function, options)


@overload
def uncounted(function: Function) -> Function: ...


@overload
def uncounted(*, inline: str = ..., forceinline: bool = ..., error_model: str = ...) -> Callable[[Function], Function]: ...


def uncounted(function: Any = None, **options: Any) -> Any:
    """`kernel` for functions that neither make nor keep an array, which Numba checks: without reference counts."""
    return _compiled(function, {"_nrt": False, **options})


_Untyped: Any = IndexDataCacheFile


class _Index(_Untyped):  # type: ignore[misc]
    """Numba's index of the machine code of one function, for several processes.

    Numba names an entry in the index before its code is there, and two processes may take one name: a third then loads what an
    older version of the sources, or other types of arguments, left under that name. Here one process adds at a time, code first.
    An index of other sources is not looked into: Numba would, and fail where a class that it names is gone.
    """

    def __init__(self, folder: str, base: str, stamp: str) -> None:
        super().__init__(folder, base, stamp)
        self._version: str = f"{numba.__version__} {stamp}"

    def save(self, key: Any, data: Any) -> None:
        """Add an entry; where the file system knows no locks nothing is kept."""
        lock = FileLock(Path(self._cache_path) / "numba.lock")
        try:
            lock.acquire()
        except (OSError, NotImplementedError):
            return
        try:
            held = self._load_index()
            taken = set(held.values())
            name = held.get(key) or next(name for name in map(self._data_name, count(1)) if name not in taken)
            self._save_data(name, data)
            self._save_index(held | {key: name})
        finally:
            lock.release()


def _compiled(function: Any, options: dict[str, Any]) -> Any:
    if function is None:
        return lambda later: _compiled(later, options)
    made: Any = njit(function, cache=True, nogil=True, **options)
    cache = getattr(made, "_cache", None)  # without the JIT there is none
    if cache is not None:
        stamp = _stamp(Path(function.__code__.co_filename).resolve().parent)
        cache._source_stamp = stamp
        cache._cache_file = _Index(cache._cache_path, cache._impl.filename_base, stamp)
    return made


@lru_cache
def _stamp(folder: Path) -> str:
    """A digest of the sources that functions in a folder may be made of."""
    digest = hashlib.blake2b(digest_size=16)
    for path in (*sorted(folder.rglob("*.py")), *SHARED):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
