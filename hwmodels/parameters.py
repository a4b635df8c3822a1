"""What may vary in a chip: the dotted names of a chip file's figures, memories in KiB besides."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import get_args

from pydantic import BaseModel

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.schema import ChipSchema, Figure

PROSE = frozenset({"name", "description", "lacks"})
"""Keys of a chip file that hold no figure."""

KIB_BITS = 8192
_BITS, _KIB = "_bits", "_kib"
_SHOWN = 60


@cache
def parameters() -> tuple[str, ...]:
    """Dotted names of everything that may vary, in the order of a chip file: ``synapse_core.lanes_per_cycle``."""
    return tuple(_leaves(ChipSchema, ""))


def resolve_parameter(name: str, chip: str) -> tuple[str, int]:
    """The chip file's own name of a parameter and what its values are multiplied by there: 8192 for ``..._kib`` of memories.

    Raises ChipError that offers the nearest name where there is no such parameter; `chip` is whom the message is about.
    """
    if name in parameters():
        return name, 1
    if name.endswith(f"_memory{_KIB}") and (bits := f"{name.removesuffix(_KIB)}{_BITS}") in parameters():
        return bits, KIB_BITS
    near = difflib.get_close_matches(name, (*parameters(), *_in_kib()), n=1, cutoff=0.5)
    section = name.partition(".")[0]
    known = [known for known in parameters() if known.startswith(f"{section}.")] or sorted(
        {n.split(".")[0] for n in parameters()}
    )
    hint = f"did you mean {near[0]!r}?" if near else f"known here are {', '.join(known)}"
    raise ChipError(f"chip {chip!r} has no parameter {name[:_SHOWN]!r}: {hint}")


def _in_kib() -> Iterator[str]:
    for name in parameters():
        if name.endswith(f"_memory{_BITS}"):
            yield f"{name.removesuffix(_BITS)}{_KIB}"


def _leaves(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if isinstance(k, type) and issubclass(k, BaseModel)]
        if kinds and not issubclass(kinds[0], Figure):
            yield from _leaves(kinds[0], f"{prefix}{name}.")
        elif prefix or name not in PROSE:
            yield prefix + name
