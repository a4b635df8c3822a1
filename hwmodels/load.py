"""load_chip: a shipped name or the path of a chip file -> Chip. Validation happens here, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from synaptile.foundation.arguments import expect, expect_path
from synaptile.foundation.documents import Document, Form, message, node_below, problems
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chain import Layer, label_of, merged, read_chain
from synaptile.hwmodels.chip import Chip, figures_of
from synaptile.hwmodels.consistency import contradictions
from synaptile.hwmodels.sourced import ASSUMED


def as_chip(chip: Chip | str | Path) -> Chip:
    """A chip itself, or what `load_chip` makes of a shipped name or a path. Raises InputError for anything else, ChipError."""
    if isinstance(chip, str | Path):
        return load_chip(chip)
    return expect(chip, Chip, "chip", "give a Chip, a shipped name (st.shipped_chips()) or the path of a chip file")


def load_chip(name_or_path: str | Path) -> Chip:
    """Load and validate a chip.

    Args:
        name_or_path: a shipped name (see `shipped_chips`), which comes first, or the path of a YAML chip file.

    Raises:
        ChipError: the file is missing, unreadable or breaks the schema. The message names file, key, value, limit, remedy.
    """
    if not isinstance(name_or_path, str):
        name_or_path = expect_path(name_or_path, "chip")
    layers = read_chain(name_or_path)
    return _validated(merged(layers), layers)


def chip_from_document(document: Document, label: str) -> Chip:
    """A `Chip` from what `chip_document` made of it, validated anew.

    Args:
        document: nested dictionary laid out like a chip file.
        label: what messages call it, for instance the file it was stored in.

    Raises:
        ChipError: the document breaks the schema.
    """
    return _validated(document, (Layer(label, document),))


@cache
def chip_form() -> Form:
    """The JSON schema of a chip file, after `extends` has been resolved."""
    return _adapter().json_schema()


@cache
def _adapter() -> TypeAdapter[Chip]:
    return TypeAdapter(Chip)


def _validated(document: Document, layers: tuple[Layer, ...]) -> Chip:
    label, given = layers[0].label, _given(document, chip_form())
    try:
        chip = _adapter().validate_python(given)
    except ValidationError as refused:
        raise ChipError(message(label, problems(refused, chip_form()), lambda location: label_of(layers, location))) from None
    if contradicting := list(contradictions(chip)):
        raise ChipError(message(label, contradicting, lambda _: label))  # the file asked for, whoever gave the figures
    return replace(chip, sources=dict(_origins(figures_of(chip), given)))


def _given(document: Document, node: Form) -> Document:
    """Without optional keys that are null: null takes away what is inherited."""
    optional = node.get("properties", {}).keys() - node.get("required", ())
    return {
        key: _given(value, node_below(chip_form(), node, key)) if isinstance(value, dict) else value
        for key, value in document.items()
        if value is not None or key not in optional
    }


def _origins(figures: Mapping[str, Any], given: Document, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and origin of every figure that a valid document gives, in the order of the form."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _origins(value, given[key], f"{prefix}{key}.")
        elif isinstance(given[key], dict):
            yield prefix + key, given[key].get("source") or ASSUMED + given[key]["assumed"]
