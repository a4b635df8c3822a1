"""Studies over many images or thresholds come with an extra: say so where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

from synaptile.foundation.errors import InputError


def require_study(package: str, what: str) -> None:
    """Raises InputError with the remedy unless `package`, which `what` needs, is installed."""
    if find_spec(package) is None:
        raise InputError(f"{what} needs {package}, not installed here: pip install 'synaptile[study]'")
