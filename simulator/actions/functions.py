"""What one full evaluation of a non-linearity F costs, over the whole stream of an EC unit.

The one place that says how many operations LayerNorm, softmax and the activations take. Execution counts its EC units
with it, and the dense network beside it is billed with it, so both sides of every ratio evaluate F the same way.

Sums of C elements count C additions (they start from zero). Per row of C channels, or of M keys, or per element:

===========  =====================================================================================================
layer_norm   a row of C: mean C add + 1 mul; deviations C add; squares C mac; variance / C + eps 1 mac; rsqrt 1;
             normalise C mul; affine C mac
rms_norm     a row of C: squares C mac; mean / C + eps 1 mac; rsqrt 1; normalise C mul; weight C mul
softmax      a row of M: maximum M compare; subtract it M add; exp M; sum M add; reciprocal 1 div; scale by it M mul;
             where biased, M add more
gelu         x/2 (1 + erf(x / sqrt 2)), an element: mul 3, erf 1, add 1
gelu_tanh    x/2 (1 + tanh(x (c + d x^2))), an element: x^2 mul 1, c + d x^2 mac 1, times x mul 1, tanh 1, add 1,
             x/2 mul 1, product mul 1
quick_gelu   x sigmoid(1.702 x), an element: mul 2, sigmoid 1
silu         x sigmoid(x), an element: mul 1, sigmoid 1
relu         an element: compare 1
sigmoid      an element: sigmoid 1
tanh         an element: tanh 1
relu6        min(max(x, 0), 6), an element: compare 2
hard_sigmoid relu6(x + 3) / 6, an element: add 1, compare 2, mul 1
hard_swish   x relu6(x + 3) / 6, an element: add 1, compare 2, mul 2
===========  =====================================================================================================

An `input_scale` other than 1 (the attention scale) costs one mul an element more.
"""

from __future__ import annotations

from collections import Counter

from synaptile.conversion.graph import ECUnit
from synaptile.foundation.errors import GraphError

_PER_ELEMENT: dict[str, dict[str, int]] = {
    "gelu": {"mul": 3, "erf": 1, "add": 1},
    "gelu_tanh": {"mul": 4, "mac": 1, "tanh": 1, "add": 1},
    "quick_gelu": {"mul": 2, "sigmoid": 1},
    "silu": {"mul": 1, "sigmoid": 1},
    "relu": {"compare": 1},
    "sigmoid": {"sigmoid": 1},
    "tanh": {"tanh": 1},
    "relu6": {"compare": 2},
    "hard_sigmoid": {"add": 1, "compare": 2, "mul": 1},
    "hard_swish": {"add": 1, "compare": 2, "mul": 2},
}


def function_operations(node: ECUnit) -> dict[str, int]:
    """Operations of one full evaluation of F over the node's stream, one image.

    Keys are operations of `activity.OPS`, values their exact counts; operations that F does not need are absent.
    Only F itself: running sums and the expectation law of Eq. 15 are the EC unit's, not the function's.
    Raises GraphError for a function that has no formula here.
    """
    ops: Counter[str] = Counter()
    elements = node.size
    rows = elements // node.row
    match node.function:
        case "rms_norm":
            ops.update(mac=elements + rows, mul=2 * elements, rsqrt=rows)
        case "layer_norm":
            ops.update(add=2 * elements, mac=2 * elements + rows, mul=elements + rows, rsqrt=rows)
        case "softmax":
            ops.update(compare=elements, add=2 * elements, exp=elements, div=rows, mul=elements)
            if node.biased:
                ops["add"] += elements
        case function if function in _PER_ELEMENT:
            ops.update({op: count * elements for op, count in _PER_ELEMENT[function].items()})
        case function:
            known = ", ".join(("layer_norm", "rms_norm", "softmax", *_PER_ELEMENT))
            raise GraphError(f"EC unit {node.name!r} evaluates {function!r}, whose operations are not known: use one of {known}")
    if node.input_scale != 1.0:
        ops["mul"] += elements
    return dict(ops)
