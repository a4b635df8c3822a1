"""A study file, or a dictionary laid out like one, to a validated `Study`; every refusal names file, key, value and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synaptile.foundation.errors import InputError
from synaptile.foundation.yaml_files import check_keys, read_mapping
from synaptile.studies.sweeping.schema import Study

SHOWN = 8
"""Problems listed in one message; the rest are counted."""

INLINE = "study"
"""What messages call a study that came as a dictionary."""


def read_study(source: str | Path | Mapping[str, Any]) -> tuple[Study, str, Path]:
    """A study, what messages call it, and the folder that its relative paths start from.

    Raises InputError for a file that cannot be read and for whatever breaks the schema.
    """
    if isinstance(source, Mapping):
        document, label, folder = dict(source), INLINE, Path()
        check_keys(document, label)
    else:
        path = Path(source)
        document, label, folder = read_mapping(path, "study"), str(path), path.parent
    try:
        study = Study.model_validate(document)
    except ValidationError as error:
        raise InputError(_message(error, label)) from None
    return study, label, folder


def _message(error: ValidationError, label: str) -> str:
    lines = [f"{'.'.join(map(str, detail['loc'])) or 'the study'} {_problem(detail)}" for detail in _sorted(error)]
    if len(lines) == 1:
        return f"{label}: {lines[0]}"
    shown = [f"  - {line}" for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"  - and {len(lines) - SHOWN} more")
    return "\n".join([f"{label} has {len(lines)} problems:", *shown])


def _sorted(error: ValidationError) -> list[ErrorDetails]:
    """Unknown keys first: they explain what is missing."""
    return sorted(error.errors(include_url=False), key=lambda detail: detail["type"] != "extra_forbidden")


def _problem(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is not a known key: {_hint(detail['loc'])}"
    if kind == "missing":
        return "is missing: add it"
    if kind in ("too_short", "string_too_short"):
        return "is empty: name at least one"
    return f"is {_shown(value)}: {_rule(kind, context)}"


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    rules = {
        "greater_than_equal": "must be at least {ge}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be below {lt}",
        "finite_number": "must be a finite number",
        "int_type": "must be an integer, without quotes or decimal point",
        "float_type": "must be a number, without quotes",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "string_too_long": "must have at most {max_length} characters",
        "too_long": "must have at most {max_length} entries",
        "dict_type": "must be a mapping of names to values",
        "model_type": "must be a mapping",
        "model_attributes_type": "must be a mapping",
        "list_type": "must be a list",
        "literal_error": "must be {expected}",
    }
    return rules[kind].format(**context) if kind in rules else f"is not allowed here ({kind.replace('_', ' ')})"


def _hint(location: tuple[int | str, ...]) -> str:
    section: type[BaseModel] = Study
    for part in location[:-1]:
        field = section.model_fields.get(str(part))
        below = () if field is None else (field.annotation, *get_args(field.annotation))
        section = next((kind for kind in below if isinstance(kind, type) and issubclass(kind, BaseModel)), section)
    known = [field.alias or name for name, field in section.model_fields.items()]
    return nearest(str(location[-1]), known)


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
