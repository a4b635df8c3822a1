"""Reading chip files: YAML text to nested dictionaries, and the chain of files that `extends` names.

A chip file that says ``extends: ecmt45`` (a shipped name, or a path relative to the file) takes over everything it does not
give itself. Sections are merged key by key; a figure is replaced whole, so an overridden value cannot keep the source of the
value it replaces.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from synaptile.foundation.errors import ChipError

CHIPS = Path(__file__).parent / "chips"
MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 8
FIGURE_KEYS = frozenset({"value", "source", "assumed"})

Document: TypeAlias = dict[str, Any]
Location: TypeAlias = tuple[str | int, ...]


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
        document = _read(path, label)
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
        result = _merge(result, layer.document)
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
        found = path.is_file()
    except (OSError, ValueError):  # names too long for the file system, or with a null character
        found = False
    if found:
        return path, str(path)
    near = difflib.get_close_matches(str(name), shipped, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ChipError(f"{problem}: {hint}shipped chips are {', '.join(shipped)}; or give the path of a YAML file")


def _read(path: Path, label: str) -> Document:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ChipError(f"{label}: {path.stat().st_size:,} bytes, limit {MAX_FILE_BYTES:,}: this is not a chip file")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ChipError(f"{label}: cannot be read ({error.strerror}); check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ChipError(f"{label}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from error
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1]
        raise ChipError(f"{label}:{_line(error)}: key {key!r} is given twice; keep one") from error
    except MarkedYAMLError as error:
        problem = error.problem or error.context
        raise ChipError(f"{label}:{_line(error)}: not valid YAML: {problem}; correct the syntax on that line") from error
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ChipError(f"{label}: not valid YAML: {reason}; correct the file") from error
    if document is None:
        raise ChipError(f"{label}: the file is empty; start from a shipped chip with `extends: ecmt45`")
    if not isinstance(document, dict):
        raise ChipError(f"{label}: holds a {type(document).__name__}, not a mapping; write one `key: value` a line")
    _check_keys(document, label, ())
    return document


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return int(mark.line) + 1 if mark is not None else 1


def _check_keys(document: Mapping[Any, Any], label: str, location: Location) -> None:
    if len(location) > MAX_DEPTH:
        raise ChipError(f"{label}: {dotted(location[:3])}... is nested deeper than {MAX_DEPTH} levels; a chip file has 4")
    for key, value in document.items():
        if not isinstance(key, str):
            where = f" in {dotted(location)}" if location else ""
            raise ChipError(f"{label}: key {key!r}{where} is a {type(key).__name__}, not a name; put it in quotes or remove it")
        if isinstance(value, dict):
            _check_keys(value, label, (*location, key))


def dotted(location: Location) -> str:
    """``("mesh", "width")`` as ``mesh.width``."""
    return ".".join(str(part) for part in location)


def _merge(base: Document, derived: Document) -> Document:
    result = dict(base)
    for key, value in derived.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and not FIGURE_KEYS & below.keys():
            result[key] = _merge(below, value)
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
