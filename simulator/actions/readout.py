"""The read-out, of E elements per image and step.

"read-out" E add + E mul (law of sums: E add, of differences: E mac, and E mul where scaled); "normalise" E mac + 1 rsqrt
+ E mul where the logits are divided by their norm. "sum read" and "sum write" a row. A dense pass
sums nothing over time. A read-out off the chip, as one of membranes always is, has no part: the host does this.
"""

from __future__ import annotations

from synaptile.conversion.graph import IntegerReadOut, MembraneReadOut, ReadOut
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.streams import SUM
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Role, Side


class ReadOutRules(Rules[ReadOut], of=(ReadOut, MembraneReadOut, IntegerReadOut)):
    """Logits summed over steps."""

    def actions(self, part: Part, node: ReadOut) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        scaled = node.law == "mean" or node.scale != 1.0
        return (
            Action(Role.READ_OUT, Op.MAC if node.law == "difference" else Op.ADD, e),
            *_if(scaled, Action(Role.READ_OUT, Op.MUL, e)),
            *_unit_length(node, e),
        )

    def accesses(self, part: Part, node: ReadOut) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (Access(SUM, part.lines, part.width, side=Side.SPIKING),)

    def dense(self, node: ReadOut) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        scale = Action(Role.READ_OUT_SCALE, Op.MUL, node.size)
        return *_if(node.scale != 1.0, scale), *_unit_length(node, node.size)


def _unit_length(node: ReadOut, elements: int) -> tuple[Action, ...]:
    counts = ((Op.MAC, elements), (Op.RSQRT, 1), (Op.MUL, elements)) if node.normalised else ()
    return tuple(Action(Role.NORMALISE, op, count) for op, count in counts)


def _if(needed: bool, action: Action) -> tuple[Action, ...]:
    return (action,) if needed else ()
