"""Archives of arrays: ``.npz`` with a JSON header, versioned and checksummed. No pickle."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.arguments import expect_path
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.files import atomic_path


def write_archive(
    path: str | Path, kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write an archive atomically. `header` is JSON-able; `kind`, `version` and a digest of everything are added to it."""
    complete: dict[str, Any] = {"format": kind, "version": version, **header}
    complete["digest"] = digest_of(complete, arrays)
    text = np.frombuffer(json.dumps(complete, allow_nan=False).encode(), np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, header=text, **arrays)


def read_archive(path: str | Path, kind: str, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of an archive.

    Raises FileFormatError where it is missing, cut short, altered, of another kind or of a newer version.
    """
    file = expect_path(path, kind)
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file; `synaptile run` writes one")
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header: dict[str, Any] = json.loads(bytes(arrays.pop("header")).decode())
        recorded = header.pop("digest")
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise FileFormatError(f"{file}: not a readable {kind} file (cut short, altered or of another kind): {error}") from error
    if header.get("format") != kind:
        raise FileFormatError(f"{file}: is a {header.get('format')} file, needs {kind}")
    if not isinstance(header.get("version"), int) or header["version"] > version:
        raise FileFormatError(f"{file}: {kind} version {header.get('version')}, this Synaptile reads up to {version}: upgrade")
    if digest_of(header, arrays) != recorded:
        raise FileFormatError(f"{file}: content does not match its digest: the file was altered; run again")
    return header, arrays
