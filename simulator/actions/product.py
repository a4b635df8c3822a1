"""Products of two spiking operands, d(t) = A(t) S_B(t) + S_A(t-1) B(t), per head; E elements per image and step.

"A(t) S_B(t)", an accumulate per spike of A and column; "S_A(t-1) B(t)", one per spike of B and token, from the second step on;
"operand sums", an add per spike (of B in a job of its own, before any token's). "theta combine" E mul + E mac for each pass that
ran, unless the scale of its spikes is folded away. Law of means: "S_K accumulate" 2 E add, "expectation" 2 E mul + E add. Laws of
sums and differences: "pass sum" E add, from the second step on. By the law of differences nothing is combined: spikes count in
units of their channels, and an operand sum takes 1/t of a spike, a shift of a step's constant; in a form qk times its channel's
gain ("operand sums" is a mac, "gain read" a word per spike), while a form sv multiplies its result by the gain ("theta combine" E
mul, "parameters" a row that a block of tokens shares). A dense pass multiplies.

Accesses, query by query: per spike of A at (i, d) "operand row" (row d of S_B), "product accumulator read" and "product
accumulator write" a row each. From the second step on "operand load" a row of S_A per query, and per spike of B at (j, d) for
each query i "product accumulator read" and "product accumulator write" the word (i, j), which takes S_A(t-1)[i, d]. Per spike
"operand sum read" and "operand sum write", one word.
Per row and step "EC state read" and "EC state write" a row of S_K (by the law of sums: of the step's result, read out and
cleared). In a dense pass every element of A is an event, and B is buffered ("operand write", a word per element).
A row in flight before expectation stays in registers.
"""

from __future__ import annotations

from synaptile.conversion.graph import ProductUnit
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.synapse import theta_combine
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Rhythm, Role, Side, Trigger

ACCUMULATOR = (Role.PRODUCT_ACCUMULATOR_READ, Role.PRODUCT_ACCUMULATOR_WRITE)


class ProductRules(Rules[ProductUnit], of=(ProductUnit,)):
    """A product EC unit."""

    def actions(self, part: Part, node: ProductUnit) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        if node.law != "mean":
            laws: tuple[Action, ...] = (Action(Role.PASS_SUM, Op.ADD, e, rhythm=Rhythm.LATER),)
        else:
            counts = ((Role.PRODUCT_ACCUMULATE, Op.ADD, 2 * e), (Role.EXPECTATION, Op.MUL, 2 * e), (Role.EXPECTATION, Op.ADD, e))
            laws = tuple(Action(role, op, count) for role, op, count in counts)
        weighed = node.law == "difference" and node.form == "qk"
        if node.law == "difference":
            combine: tuple[Action, ...] = () if weighed else (Action(Role.THETA_COMBINE, Op.MUL, e),)
        else:
            passes = ((part.folded[0], Rhythm.EVERY), (part.folded[1], Rhythm.LATER))
            combine = tuple(action for folded, rhythm in passes if not folded for action in theta_combine(e, rhythm))
        sums = Op.MAC if weighed else Op.ADD
        return (
            Action(Role.FIRST_PASS, Op.AC, _columns(node), Trigger.FIRST_INPUT),
            Action(Role.SECOND_PASS, Op.AC, part.tokens, Trigger.SECOND_INPUT, Rhythm.LATER),
            Action(Role.OPERAND_SUMS, sums, 1, Trigger.FIRST_INPUT),
            Action(Role.OPERAND_SUMS, sums, 1, Trigger.SECOND_INPUT, operand_job=True),
            *combine,
            *laws,
        )

    def accesses(self, part: Part, node: ProductUnit) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        sums = (Role.OPERAND_SUM_READ, Role.OPERAND_SUM_WRITE)
        state = (Role.EC_STATE_READ, Role.EC_STATE_WRITE)
        heads, width = _heads(part, node), node.keys if node.is_map else node.head_width
        gains: tuple[Access, ...] = ()
        if node.law == "difference" and node.form == "qk":
            gains = tuple(
                Access((Role.GAIN_READ,), 1, 1, trigger, side=Side.SPIKING)
                for trigger in (Trigger.FIRST_INPUT, Trigger.SECOND_INPUT)
            )
        elif node.law == "difference":
            gains = (Access((Role.PARAMETERS,), 1, heads * width, side=Side.SPIKING, reuse=Reuse.BLOCK),)
        return (
            *gains,
            Access((Role.OPERAND_ROW,), 1, _columns(node), Trigger.FIRST_INPUT, reuse=Reuse.BLOCK),
            Access(ACCUMULATOR, 1, _columns(node), Trigger.FIRST_INPUT),
            Access(ACCUMULATOR, part.tokens, 1, Trigger.SECOND_INPUT, Rhythm.LATER, Side.SPIKING),
            Access((Role.OPERAND_LOAD,), part.tokens * heads, _depth(node), rhythm=Rhythm.LATER, side=Side.SPIKING),
            Access(sums, 1, 1, Trigger.FIRST_INPUT, side=Side.SPIKING),
            Access(sums, 1, 1, Trigger.SECOND_INPUT, side=Side.SPIKING),
            Access(state, part.tokens * heads, width, side=Side.SPIKING),
            Access((Role.OPERAND_WRITE,), node.keys * node.head_width * heads, 1, side=Side.DENSE),
        )

    def dense(self, node: ProductUnit) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return (Action(Role.DENSE_PRODUCT, Op.MAC, node.macs),)

    def activations(self, part: Part, node: ProductUnit) -> int:
        """Elements of A that a part meets in one dense pass."""
        return part.tokens * _depth(node) * _heads(part, node)


def _columns(node: ProductUnit) -> int:
    """Columns of B, which an element of A meets."""
    return node.keys if node.form == "qk" else node.head_width


def _depth(node: ProductUnit) -> int:
    """Elements of A of one query and head."""
    return node.head_width if node.form == "qk" else node.keys


def _heads(part: Part, node: ProductUnit) -> int:
    return part.outputs if node.is_map else part.outputs // node.head_width
