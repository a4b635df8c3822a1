"""load_chip: a shipped name or the path of a chip file -> Chip. Validation happens here, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.consistency import contradictions
from synaptile.hwmodels.documents import Layer, merged, read_chain
from synaptile.hwmodels.explain import chip_error, schema_error
from synaptile.hwmodels.resolve import resolve
from synaptile.hwmodels.schema import ChipSchema


def load_chip(name_or_path: str | Path) -> Chip:
    """Load and validate a chip.

    Args:
        name_or_path: a shipped name (see `shipped_chips`), which comes first, or the path of a YAML chip file.

    Raises:
        ChipError: the file is missing, unreadable or breaks the schema. The message names file, key, value, limit, remedy.
    """
    layers = read_chain(name_or_path)
    return _validated(merged(layers), layers)


def chip_from_document(document: dict[str, Any], label: str) -> Chip:
    """A `Chip` from what `chip_document` made of it, validated anew.

    Args:
        document: nested dictionary laid out like a chip file.
        label: what messages call it, for instance the file it was stored in.

    Raises:
        ChipError: the document breaks the schema.
    """
    return _validated(document, (Layer(label, document),))


def _validated(document: dict[str, Any], layers: tuple[Layer, ...]) -> Chip:
    try:
        schema = ChipSchema.model_validate(document)
    except ValidationError as error:
        raise schema_error(error, layers) from None
    problems = list(contradictions(schema))
    if problems:
        raise chip_error(problems, layers[:1])  # the file that was asked for, whoever gave the figures
    return resolve(schema)
