"""From what the schema refuses to messages for whoever wrote the chip file: file, key, value, limit and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.documents import Layer, Location, dotted, label_of
from synaptile.hwmodels.schema import ChipSchema, Figure

SHOWN = 5
"""Problems listed in one message; the rest are counted."""

ORIGIN = 'write {value: ..., source: "paper, table"} or {value: ..., assumed: "why"}'


def schema_error(error: ValidationError, layers: Sequence[Layer]) -> ChipError:
    """The `ChipError` for everything that the schema refused."""
    details = error.errors(include_url=False)
    nearest = {detail["loc"]: _nearest(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    misspelt = {(*location[:-1], name) for location, name in nearest.items() if name is not None}
    problems: list[tuple[Location, str]] = []
    for detail in details:
        location = detail["loc"]
        if location in nearest:
            problems.insert(0, (location, _unknown(location, nearest[location])))
        elif detail["type"] != "missing" or location not in misspelt:
            problems.append((location, _problem(detail)))
    return chip_error(problems, layers)


def chip_error(problems: Sequence[tuple[Location, str]], layers: Sequence[Layer]) -> ChipError:
    """A `ChipError` from pairs of where and what: each line names its file and its dotted key."""
    lines = [f"{label_of(layers, location)}: {dotted(location)} {text}" for location, text in problems]
    if len(lines) == 1:
        return ChipError(lines[0])
    shown = [f"  - {line}" for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"  - and {len(lines) - SHOWN} more")
    return ChipError("\n".join([f"{layers[0].label} has {len(lines)} problems:", *shown]))


def _problem(detail: ErrorDetails) -> str:
    kind, location, value = detail["type"], detail["loc"], detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    section = _section(location)
    figure = section is not None and issubclass(section, Figure)
    if kind == "missing":
        if location[-1] == "value":
            return f"is missing: {ORIGIN}"
        return f"is missing: {ORIGIN}" if figure else "is missing: add it"
    shown = _shown(value)
    if kind in ("model_type", "model_attributes_type"):
        if figure:
            return f"is {shown} without an origin: {ORIGIN}" if _is_scalar(value) else f"is {shown}: {ORIGIN}"
        return f"is {shown}: must be a mapping with the keys {_keys(section)}"
    if kind == "value_error":
        given = "has neither source nor assumed" if "neither" in detail["msg"] else "has both source and assumed"
        return f"{given}: give exactly one, {ORIGIN}"
    return f"is {shown}: {_rule(kind, context)}"


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    rules = {
        "greater_than": "must be greater than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than_equal": "must be at most {le}",
        "finite_number": "must be a finite number",
        "int_type": "must be an integer, without quotes or decimal point",
        "float_type": "must be a number, without quotes",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "string_too_short": "must not be empty",
        "string_pattern_mismatch": "must start with a letter or digit and go on with letters, digits and any of . - + _",
        "list_type": "must be a list, one `- text` a line",
        "literal_error": "must be {expected}",
    }
    return rules[kind].format(**context) if kind in rules else f"is not allowed here ({kind.replace('_', ' ')})"


def _unknown(location: Location, nearest: str | None) -> str:
    known = _keys(_section(location[:-1]))
    return f"is not a known key: did you mean {nearest!r}?" if nearest else f"is not a known key: known here are {known}"


def _nearest(location: Location) -> str | None:
    section = _section(location[:-1])
    if section is None:
        return None
    near = difflib.get_close_matches(str(location[-1]), list(section.model_fields), n=1, cutoff=0.6)
    return near[0] if near else None


def _section(location: Location) -> type[BaseModel] | None:
    """The schema class that stands at `location`, None where no section or figure stands there."""
    section: type[BaseModel] = ChipSchema
    for part in location:
        field = section.model_fields.get(str(part))
        if field is None:
            return None
        annotation = field.annotation
        candidates = [annotation, *get_args(annotation)]
        below = [item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)]
        if not below:
            return None
        section = below[0]
    return section


def _keys(section: type[BaseModel] | None) -> str:
    return ", ".join(section.model_fields) if section is not None else "none"


def _is_scalar(value: object) -> bool:
    return isinstance(value, (int, float, str))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
