"""What a process finds around itself: variables that libraries read as they are imported, and what its output can show."""

from __future__ import annotations

import codecs
import os
import sys

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
