"""What a process finds around itself: variables that libraries read as they are imported, and what its output can show."""

from __future__ import annotations

import codecs
import os
import sys

try:
    import resource
except ImportError:  # Windows, where no such limit is set
    resource = None  # type: ignore[assignment]

LEAST_BYTES = 2**30
"""Address space that libraries take to load, with some room; what a network takes comes on top."""
_LAYERS = ("default", "safe", "threadsafe", "forksafe", "workqueue", "omp", "tbb")
_WHOLE = {"NUMBA_NUM_THREADS": 1, "NUMBA_DISABLE_JIT": 0, "SOURCE_DATE_EPOCH": 0, "OMP_NUM_THREADS": 1, "COLUMNS": 1}
_DRAWN, _ASCII = "─│├└█▏▎▍▌▋▊▉×±µ²·…–—→≥≤•", "-|++#..::++#x~u2..-->><*"  # noqa: RUF001  # what looks alike is the point
_ALIKE = str.maketrans(_DRAWN, _ASCII)
_HANDLER = "synaptile.ascii"


def problem_with_variables() -> str | None:
    """What is wrong with the environment, in words of ours; None where libraries will read it.

    Figures are drawn into files alone, whatever windows ``MPLBACKEND`` asks for: it is set aside.
    """
    os.environ["MPLBACKEND"] = "agg"
    for name, least in _WHOLE.items():
        text = os.environ.get(name, "").strip()
        if text and not (text.isdecimal() and least <= int(text[:19]) < 2**31):
            return f"{name} is {text[:40]!r} in the environment, needs a whole number of at least {least}: correct or unset it"
    layer = os.environ.get("NUMBA_THREADING_LAYER", "default")
    if layer not in _LAYERS:
        return f"NUMBA_THREADING_LAYER is {layer[:40]!r} in the environment, known are {', '.join(_LAYERS)}: correct or unset it"
    return None


def problem_with_memory() -> str | None:
    """Whether the process may use too little address space to begin: libraries then fail in many ways, or wait for ever."""
    if resource is None:
        return None
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed == resource.RLIM_INFINITY or allowed >= LEAST_BYTES:
        return None
    return (
        f"out of memory: this process may use {allowed // 2**20} MiB of address space (ulimit -v), at least "
        f"{LEAST_BYTES // 2**20} are needed to begin: raise the limit"
    )


def make_output_printable() -> None:
    """Characters that standard output or error cannot encode are written as ASCII that looks like them."""
    codecs.register_error(_HANDLER, _as_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def _as_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ALIKE)
    return text.encode("ascii", "replace").decode("ascii"), error.end
