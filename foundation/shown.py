"""How a result shows itself in a notebook and on a rich console: it asks the module that was named for it.

A result type knows nothing of how it is shown. `synaptile/__init__.py` names the module that does; it is imported when
something is first shown.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_shower = ""


def show_by(module: str) -> None:
    """Name the module whose `html_of(result)` and `terminal_of(result)` show every result."""
    global _shower
    _shower = module


class Shown:
    """What shows itself: HTML in a notebook, tables on a rich console."""

    def _repr_html_(self) -> str:
        return str(import_module(_shower).html_of(self))

    def __rich__(self) -> Any:
        return import_module(_shower).terminal_of(self)
