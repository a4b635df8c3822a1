"""Results as tables: pyarrow always, pandas where it is installed. Both are imported when a table is made."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from synaptile.foundation.errors import InputError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

METADATA_KEY = b"synaptile"


class Tabular:
    """What can be read as a table. A type with several tables names them, its main one first."""

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """One of the result's tables (default: the main one) as a `pyarrow.Table`.

        Raises InputError for a table that it does not have.
        """
        raise NotImplementedError

    def to_pandas(self, table: str | None = None) -> pandas.DataFrame:
        """`to_arrow` as a `pandas.DataFrame`. Raises InputError where pandas is not installed."""
        try:
            import pandas  # noqa: F401  # pyarrow imports it too, and fails with a message that names no remedy
        except ImportError as error:
            raise InputError("pandas is not installed: install it with 'pip install pandas', or use to_arrow()") from error
        return self.to_arrow(table).to_pandas()


def choose(table: str | None, known: Collection[str], what: str) -> str:
    """The table asked for, the first of those known where none is. Raises InputError for any other."""
    if table is None:
        return next(iter(known))
    if table not in known:
        raise InputError(f"{what} has no table {table!r}: use {' or '.join(known)}")
    return table


def arrow(columns: Mapping[str, Any], about: Mapping[str, object]) -> pa.Table:
    """Columns as a table; `about` (names, digests) becomes JSON in its metadata under ``synaptile``."""
    import pyarrow as pa

    return pa.table(dict(columns)).replace_schema_metadata({METADATA_KEY: json.dumps(dict(about))})


def words(names: Collection[str], index: NDArray[Any]) -> pa.Array:
    """Strings by their number, each stored once."""
    import numpy as np
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(list(names), pa.string()))
