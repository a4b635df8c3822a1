"""The chain of chip files that `extends` names, read and merged into one document.

A chip file that says ``extends: ecmt45`` (a shipped name, or a path relative to the file) takes over everything it does not
give itself. Sections are merged key by key; a figure is replaced whole, so an overridden value cannot keep the source of the
value it replaces.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.foundation.documents import Document, FileKind, Location, read_mapping
from synaptile.foundation.errors import ChipError

CHIPS = Path(__file__).parent / "chips"
FIGURE_KEYS = frozenset({"value", "source", "assumed"})
_IMPORT = "`synaptile import` makes a chip file of it"
_FOREIGN = {
    "architecture": f"is an architecture of SANA-FE, no chip file: {_IMPORT}",
    **dict.fromkeys(("ERT", "ART"), f"is a table of Accelergy, no chip file: {_IMPORT}"),
}
KIND = FileKind("chip file", start="start from a shipped chip with `extends: ecmt45`", error=ChipError, others=_FOREIGN)


@dataclass(frozen=True)
class Layer:
    """One file of an `extends` chain: how messages name it, and what it says."""

    label: str
    document: Document


def shipped_chips() -> tuple[str, ...]:
    """Names of the chips that come with Synaptile, sorted."""
    return tuple(sorted(path.stem for path in CHIPS.glob("*.yaml")))


def read_chain(name_or_path: str | Path) -> tuple[Layer, ...]:
    """Read a chip file and all it extends, the most derived first.

    Raises:
        ChipError: a file is missing, unreadable, not YAML, or the chain closes on itself.
    """
    layers: list[Layer] = []
    visited: list[Path] = []
    path, label = _locate(name_or_path, Path(), f"no chip {str(name_or_path)!r}")
    while True:
        resolved = path.resolve()
        if resolved in visited:
            names = " -> ".join([*(layer.label for layer in layers), label])
            raise ChipError(f"{layers[-1].label}: extends: the chain {names} closes on itself; let one of them extend nothing")
        visited.append(resolved)
        document = read_mapping(path, KIND, label)
        base = document.pop("extends", None)
        layers.append(Layer(label, document))
        if base is None:
            return tuple(layers)
        if not isinstance(base, str) or not base:
            raise ChipError(f"{label}: extends is {base!r}: must be the name of a shipped chip or the path of a chip file")
        path, label = _locate(base, path.parent, f"{label}: extends {base!r}, which does not exist")


def merged(layers: Sequence[Layer]) -> Document:
    """One document from a chain, the most derived first. The name is never inherited."""
    result: Document = {}
    for layer in reversed(layers):
        result = overlaid(result, layer.document)
    if "name" not in layers[0].document:
        result.pop("name", None)
    return result


def label_of(layers: Sequence[Layer], location: Location) -> str:
    """The file that gave what stands at `location`, else the one that gave its nearest parent, the most derived first."""
    for length in range(len(location), 0, -1):
        for layer in layers:
            if _holds(layer.document, location[:length]):
                return layer.label
    return layers[0].label


def _locate(name: str | Path, folder: Path, problem: str) -> tuple[Path, str]:
    """Path of a chip file and the label that messages give it; shipped names come first."""
    shipped = shipped_chips()
    if str(name) in shipped:
        return CHIPS / f"{name}.yaml", f"{name}.yaml"
    path = folder / name
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # names too long for the file system, or with a null character
        is_file = False
    if is_file:
        return path, str(path)
    near = difflib.get_close_matches(str(name), shipped, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ChipError(f"{problem}: {hint}shipped chips are {', '.join(shipped)}; or give the path of a YAML file")


def overlaid(base: Document, derived: Document) -> Document:
    """`base` with what `derived` says in its place: sections key by key, a figure whole."""
    result = dict(base)
    for key, value in derived.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and not FIGURE_KEYS & below.keys():
            result[key] = overlaid(below, value)
        else:
            result[key] = value
    return result


def _holds(document: Document, location: Location) -> bool:
    here: Any = document
    for part in location:
        if not isinstance(here, dict) or part not in here:
            return False
        here = here[part]
    return True
