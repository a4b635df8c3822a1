"""EC units in half precision or with tables: the equations of `units` with each operation rounded, each table looked up."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.foundation.types import Array
from synaptile.simulator.arithmetic import Arithmetic
from synaptile.simulator.dense.rounding import FUNCTIONS, exact, lines_of, look_up, reciprocal, reciprocal_root, rounded
from synaptile.simulator.dense.units import Unit


class FormattedUnit(Unit):
    """An EC unit; `departures` collects, per step, inputs outside their tables."""

    def __init__(self, graph: SpikingGraph, node: ECUnit, arithmetic: Arithmetic, dtype: np.dtype[np.floating]) -> None:
        super().__init__()
        self.graph, self.node, self.to, self.dtype = graph, node, arithmetic.halves, dtype
        self.lines = lines_of(arithmetic.functions, dtype)
        self.total, self.last = np.zeros(node.shape, dtype), np.zeros(node.shape, dtype)
        self.outside = 0

    def step(self, t: int, inputs: list[Array]) -> Array:
        """The increment of the expectation, by the law of sums of F, by that of differences t times the change of F."""
        self.outside, law = 0, self.node.law
        clock, change = t if law == "mean" else 1, t if law == "difference" else 1
        self.total = self._r(self.total + inputs[0] * self._c(1.0 / change))
        expected = self._r(self._evaluate(self._r(self.total * self._c(1.0 / clock))) * self._c(clock))
        output, self.last = self._r(self._r(expected - self.last) * self._c(change)), expected
        self.departures.append(self.outside)
        return output

    def _r(self, x: Array) -> Array:
        return rounded(x, self.to)

    def _c(self, constant: float) -> Array:
        return self._r(np.asarray(constant, self.dtype))

    def _array(self, name: str) -> Array:
        array = self.graph.array(self.node.name, name)
        return self._r((self.node.per_element(array) if self.node.normalises else array).astype(self.dtype, copy=False))

    def _f(self, name: str, x: Array) -> Array:
        which = FUNCTIONS.index(name)
        if self.lines.start[which] == self.lines.start[which + 1]:
            return self._r(exact(name, x))
        if name in ("div", "rsqrt"):
            return self._r((reciprocal if name == "div" else reciprocal_root)(x, self.lines))
        value, outside = look_up(x, self.lines, which)
        self.outside += outside
        return self._r(value)

    def _row_sum(self, x: Array) -> Array:
        total = np.zeros(x.shape[:-1], x.dtype)
        for i in range(x.shape[-1]):
            total = self._r(total + x[..., i])
        return total[..., None]

    def _evaluate(self, x: Array) -> Array:
        node, r, c = self.node, self._r, self._c
        if node.input_scale != 1.0:
            x = r(x * c(node.input_scale))
        if node.groups > 1:
            return self._of_rows(x.reshape(*x.shape[:-1], node.groups, node.row)).reshape(x.shape)
        return self._of_rows(x)

    def _of_rows(self, x: Array) -> Array:
        node, r, c = self.node, self._r, self._c
        match node.function:
            case "rms_norm":
                mean = r(self._row_sum(r(x * x)) * c(1.0 / x.shape[-1]))
                return r(r(x * self._f("rsqrt", r(mean + c(node.eps)))) * self._array("weight"))
            case "layer_norm":
                inverse = c(1.0 / x.shape[-1])
                centred = r(x - r(self._row_sum(x) * inverse))
                variance = r(self._row_sum(r(centred * centred)) * inverse)
                normed = r(centred * self._f("rsqrt", r(variance + c(node.eps))))
                return r(r(normed * self._array("weight")) + self._array("bias"))
            case "softmax":
                if node.biased:
                    x = r(x + self._array("bias"))
                powers = self._f("exp", r(x - x.max(axis=-1, keepdims=True)))
                return r(powers * self._f("div", self._row_sum(powers)))
            case "gelu":
                return r(r(x * c(0.5)) * r(c(1) + self._f("erf", r(x * c(np.sqrt(0.5))))))
            case "gelu_tanh":
                slope = np.sqrt(2 / np.pi)
                inner = r(x * r(c(slope) + r(r(x * x) * c(0.044715 * slope))))
                return r(r(x * c(0.5)) * r(c(1) + self._f("tanh", inner)))
            case "quick_gelu":
                return r(x * self._f("sigmoid", r(x * c(1.702))))
            case "silu":
                return r(x * self._f("sigmoid", x))
            case "relu":
                return np.asarray(np.maximum(x, x.dtype.type(0)))
            case "relu6":
                return np.asarray(np.clip(x, c(0), c(6)))
            case "hard_sigmoid" | "hard_swish":
                gate = r(np.clip(r(x + c(3)), c(0), c(6)) * c(1 / 6))
                return gate if node.function == "hard_sigmoid" else r(x * gate)
            case "sigmoid":
                return self._f("sigmoid", x)
            case "tanh":
                return self._f("tanh", x)
