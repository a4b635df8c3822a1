"""Settings of a study on disk, so that it is only ever gone on with as it was begun."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.foundation.files import write_json
from synaptile.foundation.json_text import read_object

FILE = "settings.json"
VERSION = 1


def is_begun(folder: Path, kind: str, asked: Mapping[str, Any], *, partly: bool = False) -> bool:
    """Whether a study of `kind` was begun in `folder`, with the settings that are asked for; `partly`: with those of them named.

    Raises InputError naming each setting in which it was begun otherwise, and for a folder that holds something else;
    FileFormatError for a damaged file.
    """
    file = folder / FILE
    if not file.is_file():
        return False
    try:
        document = read_object(file)
        written, version, settings = document["format"], int(document["version"]), dict(document["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{file}: not readable settings of a study ({error}): give another --output") from error
    if written != kind:
        raise InputError(f"{folder} holds a {written} study, this is {kind}: give another --output")
    if version > VERSION:
        raise FileFormatError(f"{file}: version {version}, this Synaptile reads up to {VERSION}: upgrade Synaptile")
    names = asked if partly else dict.fromkeys((*settings, *asked))
    other = [f"{name} was {settings.get(name)}, now {asked.get(name)}" for name in names if settings.get(name) != asked.get(name)]
    if other:
        raise InputError(
            f"{folder} holds a study with other settings ({'; '.join(other)}): repeat them to go on, or give another --output"
        )
    return True


def save_settings(folder: Path, kind: str, settings: Mapping[str, Any]) -> None:
    """Write the settings atomically."""
    write_json(folder / FILE, {"format": kind, "version": VERSION, "settings": dict(settings)})


def file_digest(path: Path) -> str:
    """Hex BLAKE2b-128 of a file's bytes. Raises InputError where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
