"""Windows of NIR's convolutions and pooling: extents as pairs, padding by name resolved."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.graph.windows import Pair
from synaptile.foundation.errors import GraphError


def pair(name: str, label: str, value: Any) -> Pair:
    """Two integers: one for both axes, or one each. Raises GraphError."""
    try:
        array = np.asarray(value)
        whole = array.astype(np.int64)
        if array.size in (1, 2) and (whole == array).all():
            first, second = np.broadcast_to(whole.ravel(), 2).tolist()
            return int(first), int(second)
    except (TypeError, ValueError):
        pass
    raise GraphError(f"NIR node {name!r}: {label} is {value!r}, needs one or two integers")


def padding_of(name: str, node: Any, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
    """Padding of a Conv2d. ``"same"`` is refused where it would not be even on both sides, or with a stride."""
    if not isinstance(node.padding, str):
        return pair(name, "padding", node.padding)
    if node.padding == "valid":
        return 0, 0
    reach = [dilation[i] * (kernel[i] - 1) for i in range(2)]
    if node.padding != "same" or stride != (1, 1) or reach[0] % 2 or reach[1] % 2:
        raise GraphError(
            f"NIR node {name!r}: padding {node.padding!r} with kernel {kernel}, stride {stride} is uneven: give it in numbers"
        )
    return reach[0] // 2, reach[1] // 2
