"""How a result shows itself: one line as its repr; in a notebook and on a rich console by the module that was named for it.

A result type knows nothing of how it is shown. `synaptile/__init__.py` names the module that does; it is imported when
something is first shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

LONGEST_REPR = 240
_LONGEST_VALUE = 48

_shower = ""


def show_by(module: str) -> None:
    """Name the module whose `html_of(result)` and `terminal_of(result)` show every result."""
    global _shower
    _shower = module


class Brief:
    """A dataclass (made with ``repr=False``) whose repr fits two lines, however much it holds."""

    def __repr__(self) -> str:
        assert is_dataclass(self)
        name, parts, room = type(self).__name__, [], LONGEST_REPR
        for known in (known for known in fields(self) if known.repr):
            part = f"{known.name}={_brief(getattr(self, known.name))}"
            room -= len(part) + 2
            if room < len(name) + len("(...)"):
                parts.append("...")
                break
            parts.append(part)
        return f"{name}({', '.join(parts)})"


class Shown(Brief):
    """What shows itself: HTML in a notebook, tables on a rich console, a line as its repr."""

    def _repr_html_(self) -> str:
        return str(import_module(_shower).html_of(self))

    def __rich__(self) -> Any:
        return import_module(_shower).terminal_of(self)


def _brief(value: object) -> str:
    """A value in `_LONGEST_VALUE` characters: what is large by its type and size."""
    name = type(value).__name__
    if isinstance(value, str | int | float | None):
        text = repr(value)
        return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
    if hasattr(value, "shape"):
        return f"<{name} {value.shape}>"
    if is_dataclass(value):
        return f"<{name} {value.name}>" if hasattr(value, "name") else f"<{name}>"
    if isinstance(value, tuple | list | Mapping) and len(value) <= 4 and len(repr(value)) <= _LONGEST_VALUE:
        return repr(value)
    return f"<{name} of {len(value)}>" if isinstance(value, Sized) else f"<{name}>"
