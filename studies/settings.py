"""Settings of a study on disk, so that it is only ever gone on with as it was begun."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.foundation.files import write_json

FILE = "settings.json"
VERSION = 1
Settings = Mapping[str, Any]


def load_settings(folder: Path, kind: str) -> dict[str, Any] | None:
    """What a study of `kind` in `folder` was begun with; None where none was begun.

    Raises FileFormatError for a damaged file, InputError for a folder that holds something else.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        found, version, settings = document["format"], int(document["version"]), dict(document["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{file}: not readable settings of a study ({error}): give another --output") from error
    if found != kind:
        raise InputError(f"{folder} holds a {found} study, this is {kind}: give another --output")
    if version > VERSION:
        raise FileFormatError(f"{file}: version {version}, this Synaptile reads up to {VERSION}: upgrade Synaptile")
    return settings


def save_settings(folder: Path, kind: str, settings: Settings) -> None:
    """Write the settings atomically."""
    write_json(folder / FILE, {"format": kind, "version": VERSION, "settings": dict(settings)})


def refuse_differences(folder: Path, begun: Settings, asked: Settings) -> None:
    """Raises InputError that names every setting of `asked` in which a study in `folder` was begun otherwise."""
    other = [f"{name} was {begun.get(name)}, now {value}" for name, value in asked.items() if begun.get(name) != value]
    if other:
        raise InputError(
            f"{folder} holds a study with other settings ({'; '.join(other)}): repeat them to go on, or give another --output"
        )


def file_digest(path: Path) -> str:
    """Hex BLAKE2b-128 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
