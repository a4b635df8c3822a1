"""What every suite shares: the folder of reference data computed by the method's published code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REFERENCE_VARIABLE = "SYNAPTILE_REFERENCE"
SIBLING_REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The reference-data folder; tests that need it are skipped where there is none.

    SYNAPTILE_REFERENCE names it; otherwise it is ``shared/reference`` beside the checkout. A variable that names no folder
    is an error: whoever set it wants those tests to run.
    """
    named = os.environ.get(REFERENCE_VARIABLE)
    if named is not None:
        if not Path(named).is_dir():
            raise pytest.UsageError(f"{REFERENCE_VARIABLE}={named!r} is not a folder: correct it, or unset it to skip")
        return Path(named)
    if not SIBLING_REFERENCE.is_dir():
        pytest.skip(f"no reference data: {REFERENCE_VARIABLE} is unset and no folder shared/reference lies beside the checkout")
    return SIBLING_REFERENCE
