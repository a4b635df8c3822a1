"""A YAML file of spike rates: its schema, how it is read, and which sites each entry names.

    source: where the figures come from            # or assumed: why
    default: 0.2                                   # spikes per neuron and step at sites that no entry names
    sites:
      - match: "blocks.*.attn.q"                   # a site, a pattern, or "regex:..." for a regular expression
        rate: [0.05, 0.2, 0.3]                     # one figure, or one per step
        fired: [0.05, 0.23, 0.4]                   # share of neurons that have fired by each step (optional)
        levels: [0.5, 0.2, ...]                    # share of spikes at each threshold, positive then negative (optional)
        assumed: as ViT-S at half the width        # optional, as source

A later entry replaces an earlier one where both name a site.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from synaptile.foundation.documents import FileKind, Strict, read_mapping, shown, validated
from synaptile.foundation.errors import FileFormatError, InputError

KIND = FileKind(
    "file of rates",
    give="give a YAML file, or a directory that `synaptile run` wrote",
    start="write `source:`, `default:` and `sites:`",
    error=FileFormatError,
)
REGEX = "regex:"


def _rate(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(f"is {shown(value)}: needs a number from 0 to 1, or a list of them, one per step") from None


Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Shares: TypeAlias = Annotated[list[Share], Field(min_length=1)]
Rate: TypeAlias = Annotated[Share | Shares, WrapValidator(_rate)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]


class Entry(Strict):
    """Rates of the sites that `match` names."""

    match: Text
    rate: Rate
    fired: Shares | None = None
    levels: Annotated[list[Share], Field(min_length=2)] | None = None
    source: Text | None = None
    assumed: Text | None = None


class RateFile(Strict):
    """A whole file."""

    source: Text | None = None
    assumed: Text | None = None
    default: Rate | None = None
    sites: list[Entry] = Field(default_factory=list)

    @model_validator(mode="after")
    def _told(self) -> RateFile:
        if (self.source is None) == (self.assumed is None):
            raise ValueError("give exactly one of source and assumed: where the rates come from")
        if self.default is None and not self.sites:
            raise ValueError("give default, sites or both: the file holds no rate")
        return self


def read_rates(path: str | Path) -> RateFile:
    """Read and validate a file of rates. Raises FileFormatError, or InputError that names file, key, value and remedy."""
    return parse_rates(read_mapping(path, KIND), str(path))


def parse_rates(document: dict[str, Any], label: str) -> RateFile:
    """Validate what a file holds. Raises InputError."""
    return validated(RateFile, document, label)


def matching(pattern: str, names: Sequence[str], label: str) -> list[str]:
    """Sites that an entry names. Raises InputError, offering the nearest, where there is none."""
    if pattern.startswith(REGEX):
        try:
            expression = re.compile(pattern.removeprefix(REGEX))
        except re.error as error:
            raise InputError(f"{label}: {shown(pattern)} is no regular expression ({error}): correct it") from None
        matched = [name for name in names if expression.fullmatch(name)]
    else:
        matched = [name for name in names if fnmatchcase(name, pattern)]
    if not matched:
        near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"its sites are {', '.join(list(names)[:6])}, ..."
        raise InputError(f"{label}: no site of the graph matches {shown(pattern)}: {hint}")
    return matched
