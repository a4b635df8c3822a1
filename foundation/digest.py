"""Digests that identify graphs, chips and programs in provenance and on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest_of(structure: Any, arrays: Mapping[str, NDArray[Any]] | None = None) -> str:
    """Hex BLAKE2b-128 of a JSON-able structure and of named arrays (name, dtype, shape and bytes, in name order)."""
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps(structure, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays or {}):
        array = np.asarray((arrays or {})[name], order="C")
        state.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        state.update(array.reshape(-1).view(np.uint8).data)
    return state.hexdigest()
