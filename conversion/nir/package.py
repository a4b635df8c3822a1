"""The package `nir`, imported when it is needed, and files of its format."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synaptile.foundation.errors import FileFormatError, GraphError, InputError


def require_nir() -> Any:
    """The package. Raises InputError with the remedy where it is not installed."""
    if find_spec("nir") is None:
        raise InputError("reading and writing NIR graphs needs the package nir, not installed here: pip install 'synaptile[nir]'")
    import nir

    return nir


def open_nir(source: Any) -> Any:
    """A NIRGraph, read where `source` is a path. Raises FileFormatError for an unreadable file, GraphError for no graph."""
    nir = require_nir()
    if isinstance(source, str | Path):
        if not Path(source).is_file():
            raise FileFormatError(f"{source}: no such file")
        try:
            source = nir.read(source, type_check=False)
        except Exception as error:  # h5py and nir raise whatever a damaged or foreign file leads them to
            raise FileFormatError(f"{source}: not a readable NIR file ({type(error).__name__}: {error})") from error
    if not isinstance(source, nir.NIRGraph):
        raise GraphError(f"a NIR graph is needed, a {type(source).__name__} was given: put it between an Input and an Output")
    return source
