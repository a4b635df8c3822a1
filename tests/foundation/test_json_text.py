"""Is indented JSON what Python's own encoder writes?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.foundation.json_text import indented

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.builds(Path, st.just("a/b")),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(value=VALUES)
def test_it_is_what_python_writes(value: Any) -> None:
    assert indented(value) == json.dumps(value, indent=2, allow_nan=False, default=str)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        indented({"a": [float("nan")]})
