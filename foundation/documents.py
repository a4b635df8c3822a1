"""Files of our own kinds in YAML: read strictly, held against a form, refused in words that name key, value, limit and remedy.

A form is the JSON schema that pydantic makes of a type (a `Strict` model, a dataclass): it tells which keys stand where.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from synaptile.foundation.errors import InputError

Document: TypeAlias = dict[str, Any]
Form: TypeAlias = dict[str, Any]
Location: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[Location, str]
"""Where something is wrong, and what, in words that follow its dotted name."""

T = TypeVar("T")

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_NODES = 1 << 18
"""Entries of one file, what each alias stands for included."""
SHOWN = 5
"""Problems listed in one message; the rest are counted."""

_MOST_CHARACTERS = 60
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_RULES = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "int_type": "must be an integer, without quotes or decimal point",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must start with a letter or digit and go on with letters, digits and any of . - + _",
    "too_long": "must have at most {max_length} entries",
    "list_type": "must be a list, one `- entry` per line",
    "dict_type": "must be a mapping of names to values",
    "literal_error": "must be {expected}",
}


class Strict(BaseModel):
    """Base of the sections of a file: unknown keys refused, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class FileKind(NamedTuple):
    """A kind of file as messages speak of it."""

    name: str
    """"study file"."""
    give: str = "give the path of a YAML file"
    """The remedy where there is no such file."""
    start: str = "write one `key: value` per line"
    """The remedy where it holds no mapping."""
    error: type[InputError] = InputError
    """What is raised."""
    most_bytes: int = MAX_FILE_BYTES
    """Larger files are refused unread."""
    integer_keys: bool = False
    """Whether whole numbers may be keys; they become text."""
    others: Mapping[str, str] = {}
    """Key that tells another kind of file -> what that is and what to do with it."""


def read_mapping(path: str | Path, kind: FileKind, label: str | None = None) -> Document:
    """The mapping that a YAML file holds: text keys, none twice, no tags, UTF-8, not too large.

    `label` replaces its path in messages. Raises the error of its kind for a file that is missing, unreadable, too large, not
    YAML or no mapping of text keys.
    """
    file, label, error = Path(path), label or str(path)[:200], kind.error
    try:
        if not file.is_file():
            raise error(f"{label}: no such {kind.name}: {kind.give}")
        size = file.stat().st_size
        text = file.read_bytes()[: kind.most_bytes + 1].decode("utf-8-sig")
    except OSError as refused:
        raise error(f"{label}: cannot be read ({refused.strerror}): check the path and its permissions") from refused
    except UnicodeDecodeError as refused:
        raise error(f"{label}: byte {refused.start} is not UTF-8: save the file as UTF-8 text") from refused
    if size > kind.most_bytes:
        raise error(f"{label}: {size:,} bytes, limit {kind.most_bytes:,}: this is no {kind.name}")
    try:
        yaml = YAML(typ="safe", pure=True)
        nodes, depth = _extent(yaml.parse(text))
        if nodes > MAX_NODES:
            raise error(f"{label}: more than {MAX_NODES:,} entries with its aliases written out: no {kind.name} has so many")
        if depth > MAX_DEPTH:
            raise error(f"{label}: is nested deeper than {MAX_DEPTH} levels: no {kind.name} is")
        document = yaml.load(text)
    except error:
        raise
    except DuplicateKeyError as refused:
        key = str(refused.problem).split('"')[1]
        raise error(f"{label}:{_line(refused)}: key {key!r} is given twice: keep one") from refused
    except MarkedYAMLError as refused:
        problem = refused.problem or refused.context
        raise error(f"{label}:{_line(refused)}: not valid YAML: {problem}: correct the syntax on that line") from refused
    except (YAMLError, ValueError, TypeError, RecursionError) as refused:
        raise error(f"{label}: not valid YAML: {(str(refused).splitlines() or ['?'])[0]}: correct the file") from refused
    if not isinstance(document, dict):
        holds = "is empty" if document is None else f"holds a {type(document).__name__}, not a mapping"
        raise error(f"{label}: {holds}: {kind.start}")
    for key in kind.others.keys() & document.keys():
        raise error(f"{label}: {kind.others[key]}")
    document = _with_text_keys(document) if kind.integer_keys else document
    check_keys(document, label, error)
    return document


def _with_text_keys(value: Any) -> Any:
    """Keys that are whole numbers as text. What is nested too deep for that was refused before."""
    if isinstance(value, dict):
        return {str(key) if type(key) is int else key: _with_text_keys(below) for key, below in value.items()}
    return [_with_text_keys(below) for below in value] if isinstance(value, list) else value


def _extent(events: Iterable[Event]) -> tuple[int, int]:
    """How many nodes a YAML file holds, each alias as all that its anchor holds, and how deep; counting ends above the limits."""
    count, depth, sizes, opened = 0, 0, dict[str, int](), list[tuple[str | None, int]]()
    for event in events:
        count += not isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent):
            count += sizes.get(str(event.anchor), 0)
        elif isinstance(event, CollectionStartEvent):
            opened.append((event.anchor, count))
            depth = max(depth, len(opened))
        elif isinstance(event, CollectionEndEvent):
            anchor, before = opened.pop()
            sizes |= {anchor: count - before} if anchor else {}
        if count > MAX_NODES or depth > MAX_DEPTH:
            break
    return count, depth


def check_keys(value: object, label: str, error: type[InputError] = InputError, location: Location = ()) -> None:
    """Raises `error` for a key that is no text, or values nested deeper than any file of ours."""
    if len(location) > MAX_DEPTH:
        raise error(f"{label}: {dotted(location[:3])}... is nested deeper than {MAX_DEPTH} levels: no file of this kind is")
    if isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(key, str):
                where = f" in {dotted(location)}" if location else ""
                kind = type(key).__name__
                raise error(f"{label}: key {key!r}{where} is a {kind}, not a name: put it in quotes, or remove it")
            check_keys(below, label, error, (*location, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            check_keys(below, label, error, (*location, number))


def validated(kind: type[T], document: Document, label: str, error: type[InputError] = InputError) -> T:
    """A document as a value of its type. Raises `error` that lists what the type refuses."""
    adapter = TypeAdapter(kind)
    try:
        return adapter.validate_python(document)
    except ValidationError as refused:
        raise error(message(label, problems(refused, adapter.json_schema()))) from None


def problems(refused: ValidationError, form: Form) -> list[Problem]:
    """All that a type refused. Unknown keys come first; a key that one of them was meant for is not missing too."""
    details = sorted(refused.errors(include_url=False), key=lambda detail: detail["type"] not in _UNKNOWN)
    meant: set[Location] = set()
    listed: list[Problem] = []
    for detail in details:
        location = detail["loc"]
        if detail["type"] in _UNKNOWN:
            known = list(node_at(form, location[:-1]).get("properties", ()))
            meant.update((*location[:-1], name) for name in _near(str(location[-1]), known))
            listed.append((location, f"is not a known key: {nearest(str(location[-1]), known)}"))
        elif detail["type"] != "missing" or location not in meant:
            listed.append((location, _text(detail, form)))
    return listed


def message(label: str, found: Sequence[Problem], file_of: Callable[[Location], str] | None = None) -> str:
    """One line where there is one problem, else a list.

    Args:
        label: what was read.
        found: the problems, at least one.
        file_of: which of several files a place belongs to.
    """
    lines = [f"{f'{file_of(where)}: ' if file_of else ''}{dotted(where)} {what}".strip() for where, what in found]
    if len(lines) == 1:
        return lines[0] if file_of else f"{label}: {lines[0]}"
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n  - ".join([f"{label} has {len(lines)} problems:", *lines[:SHOWN], *more])


def node_at(form: Form, location: Location) -> Form:
    """What a form says about a place, references and optional values resolved; empty where nothing may stand."""
    node = _resolved(form, form)
    for part in location:
        node = node_below(form, node, part)
    return node


def node_below(form: Form, node: Form, part: str | int) -> Form:
    """What a form says about one entry of a place: see `node_at`."""
    keys = {} if isinstance(part, int) else node.get("properties", {})
    below = keys.get(part) or node.get("items" if isinstance(part, int) else "additionalProperties")
    return _resolved(form, below or {})


def nearest(name: str, known: Collection[str], listed: Collection[str] | None = None) -> str:
    """The end of a message about an unknown name: the nearest known one, else all of them, or those `listed`."""
    near = _near(name, known)
    return f"did you mean {near[0]!r}?" if near else f"known here are {', '.join(known if listed is None else listed)}"


def dotted(location: Location) -> str:
    """``("mesh", "width")`` as ``mesh.width``."""
    return ".".join(map(str, location))


def shown(value: object) -> str:
    """A value as a message quotes it, at most 60 characters."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list" if value else "an empty list"
    if value is None or isinstance(value, bool):
        return "empty" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def _near(name: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=1, cutoff=0.5)


def _resolved(form: Form, node: Form) -> Form:
    """A node without references and alternatives; what it says itself goes before what they say."""
    if "$ref" in node:
        below = form["$defs"][str(node["$ref"]).rpartition("/")[2]]
    elif "anyOf" in node:
        kinds = [_resolved(form, kind) for kind in node["anyOf"] if kind.get("type") != "null"]
        return next((kind for kind in kinds if "properties" in kind), kinds[0]) | _own(node)
    else:
        return node
    return _resolved(form, below) | _own(node)


def _own(node: Form) -> Form:
    return {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}


def _text(detail: ErrorDetails, form: Form) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "missing":
            examples = node_at(form, detail["loc"]).get("examples") or node_at(form, detail["loc"][:-1]).get("examples")
            return f"is missing: write {' or '.join(examples)}" if examples else "is missing: add it"
        case "too_short":
            return "is empty: name at least one"
        case "value_error":  # raised by a validator of ours, in words of its own
            return str(context["error"])
        case "model_type" | "model_attributes_type" | "dataclass_type":
            keys = ", ".join(node_at(form, detail["loc"]).get("properties", ()))
            return f"is {shown(value)}: must be a mapping with the keys {keys}"
        case _:
            rule = _RULES.get(kind, f"is not allowed here ({kind.replace('_', ' ')})")
            return f"is {shown(value)}: {rule.format(**context)}"


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return int(mark.line) + 1 if mark is not None else 1
