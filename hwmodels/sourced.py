"""How a chip file writes what a `Chip` holds: numbers with their origin, optional entries, names that are no key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, PydanticOmit, core_schema

from synaptile.foundation.documents import shown

ASSUMED = "assumed: "
"""Begins the origin of a figure that no source gives."""

MAX_COUNT = 2**48
MAX_REAL, MIN_REAL = 1e12, 1e-9
"""Range of figures: sums over a board of them stay exact in 64 bits, and no quotient of two leaves a float."""
MAX_CYCLES, MIN_RATE = 2**24, 1e-6
"""Longest wait of one thing, in cycles, and slowest rate per cycle: a schedule of them ends within 64 bits."""

ORIGINS = ('{value: ..., source: "paper, table"}', '{value: ..., assumed: "why"}')
FORM = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Section:
    """Base of the sections of a chip file: unknown keys are refused, the text below a field is the key's meaning."""

    __pydantic_config__: ClassVar[ConfigDict] = FORM


@dataclass(frozen=True)
class Sourced:
    """A number that a chip file gives with its origin, ``{value: 64, source: ...}`` or ``{value: 64, assumed: ...}``.

    Its limits: at most `le`, above `gt`, at least `ge`.
    """

    le: float
    gt: float | None = None
    ge: float | None = None

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        limits: dict[str, Any] = {"le": self.le, "gt": self.gt, "ge": self.ge, "strict": True}
        is_count = kind is int
        number = core_schema.int_schema(**limits) if is_count else core_schema.float_schema(allow_inf_nan=False, **limits)
        text = core_schema.nullable_schema(core_schema.str_schema(strict=True, min_length=1))
        origin = core_schema.typed_dict_field(text, required=False)
        keys = {"value": core_schema.typed_dict_field(number), "source": origin, "assumed": origin}
        figure = core_schema.typed_dict_schema(keys, extra_behavior="forbid")
        return core_schema.no_info_before_validator_function(
            _with_origin, core_schema.no_info_after_validator_function(_value, figure)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"examples": list(ORIGINS)}


@dataclass(frozen=True)
class WrittenAs:
    """A value that a chip file writes as another type."""

    form: Any

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self.form)


class NotWritten:
    """A field that is no key of a chip file."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def refused(value: object) -> object:
            raise PydanticKnownError("extra_forbidden")

        return core_schema.no_info_plain_validator_function(refused)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        raise PydanticOmit


Count: TypeAlias = Annotated[int, Sourced(gt=0, le=MAX_COUNT)]
CountOrZero: TypeAlias = Annotated[int, Sourced(ge=0, le=MAX_COUNT)]
Cycles: TypeAlias = Annotated[int, Sourced(gt=0, le=MAX_CYCLES)]
Real: TypeAlias = Annotated[float, Sourced(ge=MIN_REAL, le=MAX_REAL)]
Rate: TypeAlias = Annotated[float, Sourced(ge=MIN_RATE, le=MAX_REAL)]
RealOrZero: TypeAlias = Annotated[float, Sourced(ge=0, le=MAX_REAL)]
Signed: TypeAlias = Annotated[float, Sourced(ge=-MAX_REAL, le=MAX_REAL)]
Share: TypeAlias = Annotated[float, Sourced(gt=0, le=1)]
Flag: TypeAlias = Annotated[bool, Strict()]
Text: TypeAlias = Annotated[str, Strict(), Field(min_length=1)]
Texts: TypeAlias = Annotated[tuple[str, ...], WrittenAs(Annotated[list[Text], Strict()]), AfterValidator(tuple)]


def _with_origin(figure: object) -> object:
    if not isinstance(figure, dict):
        bare = " without an origin" if isinstance(figure, int | float | str) else ""
        raise ValueError(f"is {shown(figure)}{bare}: write {' or '.join(ORIGINS)}")
    return figure


def _value(figure: Mapping[str, Any]) -> Any:
    given = [key for key in ("source", "assumed") if figure.get(key) is not None]
    if len(given) != 1:
        count = "both source and assumed" if given else "neither source nor assumed"
        raise ValueError(f"has {count}: give exactly one, write {' or '.join(ORIGINS)}")
    return figure["value"]
