"""Torch and timm come with an extra: say so where they are missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from synaptile.foundation.errors import InputError


def require_torch() -> None:
    """Raises InputError with the remedy unless torch, torchvision and timm are installed."""
    missing = [package for package in ("torch", "torchvision", "timm") if find_spec(package) is None]
    if missing:
        raise InputError(
            f"converting a model needs {', '.join(missing)}, not installed here: pip install 'synaptile[convert]'; "
            "saved graphs are mapped, executed and priced without"
        )


def is_module(value: object) -> bool:
    """Whether a value is a PyTorch module, without importing torch: where it is not imported yet, nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)
