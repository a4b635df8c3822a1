"""load_chip: a shipped name or the path of a chip file -> Chip. Validation happens here, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from synaptile.foundation.arguments import expect, expect_path
from synaptile.foundation.documents import Document, Form, Location, dotted, message, node_below, problems
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chain import FIGURE_KEYS, Layer, label_of, merged, overlaid, read_chain
from synaptile.hwmodels.chip import PROSE, Chip, figures_of
from synaptile.hwmodels.consistency import contradictions
from synaptile.hwmodels.follow import followers
from synaptile.hwmodels.scale import scaled_document, section_of, supply_of
from synaptile.hwmodels.sourced import ASSUMED
from synaptile.hwmodels.stored import chip_document

_SAID_OF = "said of "


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
    return _loaded(read_chain(name_or_path))


def load_over(document: Document, base: str | Path, label: str) -> Chip:
    """The chip that a file with `document` and ``extends: base`` would give. Raises ChipError, with `label` for that file."""
    return _loaded((Layer(label, document), *read_chain(base)))


def chip_from_document(document: Document, label: str) -> Chip:
    """A `Chip` from what `chip_document` made of it, validated anew.

    Args:
        document: nested dictionary laid out like a chip file.
        label: what messages call it, for instance the file it was stored in.

    Raises:
        ChipError: the document breaks the schema.
    """
    return _validated(document, (Layer(label, document),))


def at_supply_of(chip: Chip, target: Chip) -> Chip:
    """`chip` moved to the node and supply of `target`; itself where these are its own, or `target` scales nothing."""
    supply = supply_of(target)
    if target.scaling == "none" or supply == supply_of(chip):
        return chip
    return chip_from_document(scaled_document(chip, supply), f"{chip.name} at {supply}")


def check_clock(base: Chip, chip: Chip, label: str) -> None:
    """Raise ChipError where a chip at another node or supply than `base`'s states a clock that its gates do not reach.

    `base` is the chip it was made of, moved to that node and supply; that its clock was in reach is taken for granted.
    """
    moved = base.origin("clock_mhz").startswith(f"{ASSUMED}x ")
    if moved and chip.clock_mhz > base.clock_mhz:
        why = (
            f"is {chip.clock_mhz:g}, gates at {supply_of(chip)} reach {base.clock_mhz:.4g} ({base.origin('clock_mhz')}): "
            "lower it, or raise voltage_v"
        )
        raise ChipError(message(label, [(("clock_mhz",), why)], lambda _: label))


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


def _loaded(layers: tuple[Layer, ...]) -> Chip:
    """A chip of its own, or one made of another: what it inherits moves to its node and supply and follows its changes."""
    own, below = layers[0], layers[1:]
    chip = _validated(merged(layers), layers)
    if not below:
        return chip
    parent = _loaded((Layer(below[0].label, {"name": "base", **below[0].document}), *below[1:]))
    base = at_supply_of(parent, chip)
    stated = _stated(own.document, chip_document(parent))
    given = {dotted(location) for location in _figures(stated)}
    document = overlaid(chip_document(base), {**_told(parent, given), **stated})
    chip = _validated(document, layers)
    check_clock(base, chip, own.label)
    following = followers(base, chip, given)
    for figure, (value, why) in following.items():
        section, key = section_of(document, figure)
        before = section[key]
        section[key] = {"value": value, "assumed": f"{why} from {before['value']} ({base.origin(figure)})"}
    return _validated(document, layers) if following else chip


def _stated(own: Document, parent: Document) -> Document:
    """What a file says anew: a figure repeated word for word is inherited, so that a copied file moves to another node too."""
    return {
        key: _stated(value, parent[key]) if _is_section(value) and isinstance(parent.get(key), dict) else value
        for key, value in own.items()
        if key in PROSE or key not in parent or value != parent[key]
    }


def _is_section(value: object) -> bool:
    return isinstance(value, dict) and not FIGURE_KEYS & value.keys()


def _told(parent: Chip, given: set[str]) -> Document:
    """What a chip says of itself where its file does not: of whom it was made, not that one's story as its own."""
    changed = ", ".join(sorted(given - {"name", "lacks"})) or "nothing"
    lacks = [text if text.startswith(_SAID_OF) else f"{_SAID_OF}{parent.name}: {text}" for text in parent.lacks]
    return {"description": f"Made of {parent.name}; its file states {changed} anew and does not describe it.", "lacks": lacks}


def _figures(document: Document, above: Location = ()) -> Iterator[Location]:
    """Where a file states something."""
    for key, value in document.items():
        if _is_section(value):
            yield from _figures(value, (*above, key))
        else:
            yield (*above, key)


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
