"""Archives of arrays: ``.npz`` with a JSON header, versioned and checksummed. No pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.arguments import expect_path
from synaptile.foundation.arrays import read_arrays
from synaptile.foundation.digest import digest_of
from synaptile.foundation.documents import shown, validated
from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.json_text import parse_object

T = TypeVar("T")
FAST = 1
"""Level of compression: the usual one takes twice the time, and of spikes a hundredth less room."""


def write_archive(
    path: str | Path, kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write an archive atomically. `header` is JSON-able; `kind`, `version` and a digest of everything are added to it."""
    complete: dict[str, Any] = {"format": kind, "version": version, **header}
    complete["digest"] = digest_of(complete, arrays)
    text = np.frombuffer(json.dumps(complete, allow_nan=False).encode(), np.uint8)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=FAST) as archive:
        for name, array in {"header": text, **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_archive(path: str | Path, kind: str, version: int, form: type[T]) -> tuple[T, dict[str, NDArray[Any]]]:
    """Header, of its `form` (a TypedDict), and arrays of an archive.

    Raises FileFormatError where it is missing, cut short, altered, of another kind or of a newer version, and for a header that
    lacks an entry or holds another.
    """
    file = expect_path(path, kind)
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file; `synaptile run` writes one")
    try:
        arrays = read_arrays(file)
        header = parse_object(arrays.pop("header").tobytes())
        recorded = header.pop("digest")
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(f"{file}: not a readable {kind} file (cut short, altered or of another kind): {error}") from error
    if header.get("format") != kind:
        raise FileFormatError(f"{file}: is a {str(header.get('format'))[:60]} file, needs {kind}")
    if not isinstance(header.get("version"), int) or header["version"] > version:
        found = shown(header.get("version"))
        raise FileFormatError(f"{file}: {kind} version {found}, this Synaptile reads up to {version}: upgrade")
    if digest_of(header, arrays) != recorded:
        raise FileFormatError(f"{file}: content does not match its digest: the file was altered; run again")
    del header["format"], header["version"]
    return validated(form, header, str(file), FileFormatError), arrays


@contextmanager
def consistent(file: Path) -> Iterator[None]:
    """What is made of a file's content: entries that are missing or do not fit one another are the file's fault.

    Raises FileFormatError for them.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        text = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise FileFormatError(f"{file}: its parts do not fit one another ({text}): run again") from error
