"""A YAML file of spike rates: its schema, how it is read, and which sites each entry names.

    source: where the figures come from            # or assumed: why
    default: 0.2                                   # spikes a neuron and step at sites that no entry names
    sites:
      - match: "blocks.*.attn.q"                   # a site, a pattern, or "regex:..." for a regular expression
        rate: [0.05, 0.2, 0.3]                     # one figure, or one a step
        fired: [0.05, 0.23, 0.4]                   # share of neurons that have fired by each step (optional)
        levels: [0.5, 0.2, ...]                    # share of spikes at each threshold, positive then negative (optional)
        assumed: as ViT-S at half the width        # optional, as source

A later entry replaces an earlier one where both name a site.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from synaptile.foundation.errors import FileFormatError, InputError

MAX_FILE_BYTES = 1 << 20
REGEX = "regex:"
_SHOWN = 60

Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Base of the sections: unknown keys refused, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Entry(Strict):
    """Rates of the sites that `match` names."""

    match: Text
    rate: Share | Annotated[list[Share], Field(min_length=1)]
    fired: Annotated[list[Share], Field(min_length=1)] | None = None
    levels: Annotated[list[Share], Field(min_length=2)] | None = None
    source: Text | None = None
    assumed: Text | None = None


class RateFile(Strict):
    """A whole file."""

    source: Text | None = None
    assumed: Text | None = None
    default: Share | Annotated[list[Share], Field(min_length=1)] | None = None
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
    file = Path(path)
    try:
        if not file.is_file():
            raise FileFormatError(f"{file}: no such file of rates; give a YAML file, or a directory that `synaptile run` wrote")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise FileFormatError(f"{file}: {file.stat().st_size:,} bytes, limit {MAX_FILE_BYTES:,}: this is no file of rates")
        document = YAML(typ="safe", pure=True).load(file.read_bytes().decode("utf-8-sig"))
    except FileFormatError:
        raise
    except (OSError, UnicodeDecodeError, YAMLError, ValueError, TypeError, RecursionError) as error:
        first = (str(error).splitlines() or ["?"])[0]
        raise FileFormatError(f"{str(path)[:200]}: not a readable YAML file of rates: {first}") from error
    return parse_rates(document, str(file))


def parse_rates(document: Any, label: str) -> RateFile:
    """Validate what a file holds. Raises InputError."""
    if not isinstance(document, Mapping):
        raise InputError(f"{label}: holds {type(document).__name__}, not a mapping: write `source:`, `default:` and `sites:`")
    try:
        return RateFile.model_validate(dict(document))
    except ValidationError as error:
        raise InputError(f"{label}: {'; '.join(_problem(detail) for detail in error.errors(include_url=False)[:4])}") from None


def matching(pattern: str, names: Sequence[str], label: str) -> list[str]:
    """Sites that an entry names. Raises InputError, offering the nearest, where there is none."""
    if pattern.startswith(REGEX):
        try:
            expression = re.compile(pattern.removeprefix(REGEX))
        except re.error as error:
            raise InputError(f"{label}: {pattern[:_SHOWN]!r} is no regular expression ({error}): correct it") from None
        found = [name for name in names if expression.fullmatch(name)]
    else:
        found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"its sites are {', '.join(list(names)[:6])}, ..."
        raise InputError(f"{label}: no site of the graph matches {pattern[:_SHOWN]!r}: {hint}")
    return found


def _problem(detail: Any) -> str:
    location = [
        str(part) for part in detail["loc"] if str(part) not in ("constrained-float", "float") and "list[" not in str(part)
    ]
    where, shown = ".".join(location) or "the file", repr(detail["input"])[:_SHOWN]
    match detail["type"]:
        case "extra_forbidden":
            section = Entry if location[0] == "sites" else RateFile
            near = difflib.get_close_matches(location[-1], list(section.model_fields), n=1, cutoff=0.5)
            return f"{where} is not a known key: " + (
                f"did you mean {near[0]!r}?" if near else f"known are {', '.join(section.model_fields)}"
            )
        case "missing":
            return f"{where} is missing: add it"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "greater_than_equal" | "less_than_equal" | "finite_number":
            return f"{where} is {shown}: needs a number from 0 to 1"
        case _:
            return f"{where} is {shown}: {detail['msg'].removeprefix('Input ')}"
