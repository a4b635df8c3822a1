"""A study file, or a dictionary laid out like one, to a validated `Study`; every refusal names file, key, value and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synaptile.foundation.documents import FileKind, check_keys, read_mapping, validated
from synaptile.studies.sweeping.schema import Study

KIND = FileKind("study file")
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
        document, label, folder = read_mapping(path, KIND), str(path), path.parent
    return validated(Study, document, label), label, folder
