"""YAML files of our own kinds, read strictly: one mapping, text keys, none twice, no tags, UTF-8, bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from synaptile.foundation.errors import InputError

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 16


def read_mapping(path: str | Path, what: str) -> dict[str, Any]:
    """The mapping that a YAML file holds; `what` is its kind in messages ("study").

    Raises InputError for a file that is missing, unreadable, too large, not YAML or no mapping of text keys.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such {what} file")
    try:
        size = file.stat().st_size
        text = file.read_bytes()[: MAX_FILE_BYTES + 1].decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}): check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: byte {error.start} is not UTF-8: save the {what} as UTF-8 text") from error
    if size > MAX_FILE_BYTES:
        raise InputError(f"{file}: {size:,} bytes, limit {MAX_FILE_BYTES:,}: this is no {what} file")
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1]
        raise InputError(f"{file}:{_line(error)}: key {key!r} is given twice: keep one") from error
    except MarkedYAMLError as error:
        raise InputError(f"{file}:{_line(error)}: not valid YAML: {error.problem or error.context}: correct that line") from error
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: not valid YAML: {(str(error).splitlines() or ['?'])[0]}: correct the file") from error
    if not isinstance(document, dict):
        raise InputError(f"{file}: {'is empty' if document is None else 'holds no mapping'}: write one `key: value` a line")
    check_keys(document, str(file))
    return document


def check_keys(value: object, where: str, depth: int = 0) -> None:
    """Raises InputError for a key that is no text, or values nested deeper than any file of ours."""
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: nested deeper than {MAX_DEPTH} levels: no file of this kind is")
    if isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(key, str):
                raise InputError(f"{where}: key {key!r} is a {type(key).__name__}, not a name: put it in quotes, or remove it")
            check_keys(below, where, depth + 1)
    elif isinstance(value, list):
        for below in value:
            check_keys(below, where, depth + 1)


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return int(mark.line) + 1 if mark is not None else 1
