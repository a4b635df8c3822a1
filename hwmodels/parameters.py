"""What may vary in a chip: the dotted names of a chip file's figures, memories in KiB besides."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from synaptile.foundation.documents import Location, dotted, nearest, node_at
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import PROSE
from synaptile.hwmodels.load import chip_form

KIB_BITS = 8192
_BITS, _KIB = "_bits", "_kib"
_SHOWN = 60


@cache
def parameters() -> tuple[str, ...]:
    """Dotted names of everything that may vary, in the order of a chip file: ``synapse_core.lanes_per_cycle``."""
    return tuple(dotted(leaf) for leaf in _leaves(()) if leaf[0] not in ("name", *PROSE))


def is_figure(name: str) -> bool:
    """Whether a parameter is a number with an origin; others stand in a chip file as they are."""
    return "value" in node_at(chip_form(), tuple(name.split("."))).get("properties", ())


def resolve_parameter(name: str, chip: str) -> tuple[str, int]:
    """The chip file's own name of a parameter and what its values are multiplied by there: 8192 for ``..._kib`` of memories.

    Raises ChipError that offers the nearest name where there is no such parameter; `chip` is whom the message is about.
    """
    if name in parameters():
        return name, 1
    in_kib = {bits.removesuffix(_BITS) + _KIB: bits for bits in parameters() if bits.endswith(f"_memory{_BITS}")}
    if name in in_kib:
        return in_kib[name], KIB_BITS
    section = name.partition(".")[0]
    known = [known for known in parameters() if known.startswith(f"{section}.")]
    sections = sorted({known.split(".")[0] for known in parameters()})
    hint = nearest(name, (*parameters(), *in_kib), listed=known or sections)
    raise ChipError(f"chip {chip!r} has no parameter {name[:_SHOWN]!r}: {hint}")


def _leaves(location: Location) -> Iterator[Location]:
    below = node_at(chip_form(), location).get("properties", {})
    if not below or "value" in below:
        yield location
    else:
        for key in below:
            yield from _leaves((*location, key))
