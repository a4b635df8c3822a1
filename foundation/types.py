"""Types that all stages share: arrays by what they hold, and callbacks that say how far something is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Int32: TypeAlias = NDArray[np.int32]
Int64: TypeAlias = NDArray[np.int64]
Float64: TypeAlias = NDArray[np.float64]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many of how many are done."""
Announce: TypeAlias = Callable[[str], None]
"""Called with what begins."""
