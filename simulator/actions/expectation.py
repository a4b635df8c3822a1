"""EC units of a non-linearity F, of E elements per image and step.

"EC accumulate" E add (S += x); "mean" E mul (S times 1/t); "function", see `functions`; "expectation" E mul (t F) + E add (minus
the last). By the law of sums: no "mean", and "expectation" is the E add alone. By the law of differences "EC accumulate" is E mac
(r += x/t), there is no "mean", and "expectation" is E add + E mul, t (F - the last F). A dense pass evaluates F once.

Accesses per row and step: "EC state read" and "EC state write" 2 rows each (running sum, last output), in a dense pass
"activation read" and "activation write" 1; "parameters", scale and shift of a norm or the bias of a softmax. Values between
two passes over one row (a LayerNorm's deviations) stay in registers.
"""

from __future__ import annotations

from synaptile.conversion.graph import ECUnit
from synaptile.foundation.errors import ConservationError
from synaptile.simulator.actions.functions import function_operations
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Role, Side


class ExpectationRules(Rules[ECUnit], of=(ECUnit,)):
    """An EC unit."""

    def actions(self, part: Part, node: ECUnit) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        subtract, times = Action(Role.EXPECTATION, Op.ADD, e), Action(Role.EXPECTATION, Op.MUL, e)
        accumulate = Action(Role.EC_ACCUMULATE, Op.MAC if node.law == "difference" else Op.ADD, e)
        means = {"mean": (Action(Role.MEAN, Op.MUL, e), times), "sum": (), "difference": (times,)}[node.law]
        function = (Action(Role.FUNCTION, Op(op), _share(count, part, node)) for op, count in function_operations(node).items())
        return accumulate, *means, subtract, *function

    def accesses(self, part: Part, node: ECUnit) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        parameters = len(node.array_shapes())
        if node.apart:  # a row of its own, of each row of elements
            rows = part.elements // node.row
            learnt = Access((Role.PARAMETERS,), parameters * rows, node.row // node.spread)
        else:
            width = min(part.width, node.row) // node.spread
            learnt = Access((Role.PARAMETERS,), parameters * part.lines // part.tokens, width, reuse=Reuse.BATCH)
        return (
            Access((Role.EC_STATE_READ, Role.EC_STATE_WRITE), 2 * part.lines, part.width, side=Side.SPIKING),
            Access((Role.ACTIVATION_READ, Role.ACTIVATION_WRITE), part.lines, part.width, side=Side.DENSE),
            learnt,
        )

    def dense(self, node: ECUnit) -> tuple[Action, ...]:
        """Operations of one dense pass: F itself."""
        return tuple(Action(Role(node.function), Op(op), count) for op, count in function_operations(node).items())


def _share(count: int, part: Part, node: ECUnit) -> int:
    """A part's share of a node's operations: whole rows (LayerNorm, softmax) or whole elements."""
    share, rest = divmod(count * part.elements, node.size)
    if rest:
        raise ConservationError(
            f"EC unit {node.name!r}: {count} operations do not divide over a part of {part.elements} of {node.size}"
        )
    return share
