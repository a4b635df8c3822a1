"""Networks trained as spiking, of E elements per image and step.

* max pool: "pooling" a compare per value of a window beyond the first; "sum read" and "sum write" a row per value.
* reduce: over spikes "pooling" an accumulate per spike of the first input (of two, where the second has one), "sum read" and
  "sum write" a word each; over real values an add per value beyond the first and a row per value; E mul where scaled.
* mask: "mask" a compare per spike of the first input, "operand load" a row of the mask.
* spike attention: "first product" and "second product", accumulates per spike of the first and of the second input: as many as
  there are positions (order qk) or channels of a head (order kv). Each reads an "operand row" of as many words, and reads and
  writes a "product accumulator" row. "operand write" keeps the third input, a word per element; "EC state read" and "EC state
  write" read out and clear map and result. A scale that is a power of two is a shift; another takes E mul.

A dense pass multiplies where spikes are accumulated, and has no neurons.
"""

from __future__ import annotations

import math

from synaptile.conversion.graph import Mask, MaxPool2d, Reduce, SpikeAttention
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.product import ACCUMULATOR
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.streams import SUM
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Role, Side, Trigger


class MaxPoolRules(Rules[MaxPool2d], of=(MaxPool2d,)):
    """The largest of a window."""

    def actions(self, part: Part, node: MaxPool2d) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (Action(Role.POOLING, Op.COMPARE, (math.prod(node.kernel) - 1) * part.elements),)

    def accesses(self, part: Part, node: MaxPool2d) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (Access(SUM, math.prod(node.kernel) * part.lines, part.width),)

    def dense(self, node: MaxPool2d) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return (Action(Role.POOLING, Op.COMPARE, (math.prod(node.kernel) - 1) * node.size),)


class ReduceRules(Rules[Reduce], of=(Reduce,)):
    """A sum over one axis."""

    def actions(self, part: Part, node: Reduce) -> tuple[Action, ...]:
        """Operations that a part issues."""
        if node.spiking:
            each = Action(Role.SPIKE_SUM, Op.AC, 1, Trigger.FIRST_INPUT)
        else:
            each = Action(Role.POOLING, Op.ADD, (node.elements // node.fewer - 1) * part.elements)
        return each, *_scaled(Role.POOLING, node.scale, part.elements)

    def accesses(self, part: Part, node: Reduce) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        if not node.spiking:
            return (Access(SUM, node.elements // node.fewer * part.lines, part.width),)
        state = (Role.EC_STATE_READ, Role.EC_STATE_WRITE)
        return Access(ACCUMULATOR, 1, 1, Trigger.FIRST_INPUT), Access(state, part.lines, part.width, side=Side.SPIKING)

    def dense(self, node: Reduce) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        op = Op.MAC if len(node.inputs) == 2 else Op.ADD
        return Action(Role.POOLING, op, node.elements), *_scaled(Role.POOLING, node.scale, node.size)

    def activations(self, part: Part, node: Reduce) -> int:
        """Elements that a part meets in one dense pass."""
        return node.elements // node.fewer * part.elements


class MaskRules(Rules[Mask], of=(Mask,)):
    """Spikes that pass a mask."""

    def actions(self, part: Part, node: Mask) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (Action(Role.MASK, Op.COMPARE, 1, Trigger.FIRST_INPUT),)

    def accesses(self, part: Part, node: Mask) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (Access((Role.OPERAND_LOAD,), part.lines, -(-part.width * node.fewer // node.elements)),)

    def dense(self, node: Mask) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return (Action(Role.DENSE_PRODUCT, Op.MUL, node.size),)

    def activations(self, part: Part, node: Mask) -> int:
        """Elements that a part meets in one dense pass."""
        return part.elements


class SpikeAttentionRules(Rules[SpikeAttention], of=(SpikeAttention,)):
    """Products of spikes."""

    def actions(self, part: Part, node: SpikeAttention) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (
            Action(Role.FIRST_PRODUCT, Op.AC, node.columns, Trigger.FIRST_INPUT),
            Action(Role.SECOND_PRODUCT, Op.AC, node.columns, Trigger.SECOND_INPUT, operand_job=True),
            *_scaled(Role.PRODUCT_SCALE, node.scale, part.elements),
        )

    def accesses(self, part: Part, node: SpikeAttention) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        heads, inner = part.outputs // node.head_width, node.columns * node.columns
        state = (Role.EC_STATE_READ, Role.EC_STATE_WRITE)
        roles = ((Role.OPERAND_ROW,), ACCUMULATOR)
        triggers = (Trigger.FIRST_INPUT, Trigger.SECOND_INPUT)
        return (
            *(Access(names, 1, node.columns, trigger) for trigger in triggers for names in roles),
            Access((Role.OPERAND_WRITE,), heads, node.head_width),
            Access(state, heads, inner + node.head_width, side=Side.SPIKING),
        )

    def dense(self, node: SpikeAttention) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return Action(Role.DENSE_PRODUCT, Op.MAC, node.macs), *_scaled(Role.PRODUCT_SCALE, node.scale, node.size)

    def activations(self, part: Part, node: SpikeAttention) -> int:
        """Elements of the first operand that a part meets in one dense pass."""
        return part.outputs


def _scaled(role: Role, scale: float, elements: int) -> tuple[Action, ...]:
    """Multiplications by a scale that no shift does."""
    return () if math.frexp(scale)[0] == 0.5 else (Action(role, Op.MUL, elements),)
