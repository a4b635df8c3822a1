"""Synapses: a spike accumulates a row of weights on a synapse core; a head on real values multiplies on an EC core.

Operations per image and step, of a part of E elements: "synapse rows", an accumulate per spike and output; "bias" E add (where
injected once: at the first step); "partial sums", an add per accumulator of each part that sends them; "theta combine" on cores
that shift, theta1*pos - theta2*neg: E mul + E mac, of unit spikes pos - neg: E add. A head: "dense head" fan-in * E mac, "bias".

Accesses: per spike "weight rows" 1 row of weights and "accumulator read", "accumulator write" 1 row each. Per token and step
"accumulator read-out" and "accumulator clear" a row of each set of accumulators, "bias read" a row of weights, "partial sum read"
and "partial sum write" a row of each set from each sender. Layers that multiply: per input "dense weight rows" a row of weights,
"dense accumulator read" and "dense accumulator write" a row.
"""

from __future__ import annotations

from synaptile.conversion.graph import Synapse
from synaptile.conversion.graph.node import Injection
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Rhythm, Role, Trigger

READ_OUT = (Role.ACCUMULATOR_READ_OUT, Role.ACCUMULATOR_CLEAR)
ACCUMULATOR = (Role.ACCUMULATOR_READ, Role.ACCUMULATOR_WRITE)


class SynapseRules(Rules[Synapse], of=(Synapse,)):
    """A Linear, spiking or not."""

    def actions(self, part: Part, node: Synapse) -> tuple[Action, ...]:
        """Operations that a part issues."""
        bias = Action(Role.BIAS, Op.ADD, part.elements, rhythm=rhythm_of(node.injection))
        if not node.spiking:
            return Action(Role.DENSE_HEAD, Op.MAC, node.fan_in * part.elements), bias
        rows = Action(Role.SYNAPSE_ROWS, Op.AC, part.outputs, Trigger.FIRST_INPUT)
        if not part.owned:
            return (rows,)
        sums = Action(Role.PARTIAL_SUMS, Op.ADD, part.senders * part.accumulators * part.elements)
        return rows, bias, sums, *combine(part, unit_spikes=node.unit_spikes)

    def accesses(self, part: Part, node: Synapse) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        if not node.spiking:
            return dense_layer(part, node.fan_in, Rhythm.EVERY)
        event = (
            Access((Role.WEIGHT_ROWS,), 1, part.outputs, Trigger.FIRST_INPUT, reuse=Reuse.BATCH),
            Access(ACCUMULATOR, 1, part.outputs, Trigger.FIRST_INPUT),
        )
        read_out = Access(READ_OUT, part.tokens * part.accumulators, part.outputs)
        if not part.owned:
            return *event, read_out
        sums = (Role.PARTIAL_SUM_READ, Role.PARTIAL_SUM_WRITE)
        return (
            *event,
            read_out,
            Access((Role.BIAS_READ,), 1, part.outputs, rhythm=rhythm_of(node.injection), reuse=Reuse.BATCH),
            Access(sums, part.senders * part.tokens * part.accumulators, part.outputs),
        )

    def dense(self, node: Synapse) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return Action(Role.DENSE_ROWS, Op.MAC, node.macs), Action(Role.BIAS, Op.ADD, node.size)

    def activations(self, part: Part, node: Synapse) -> int:
        """Elements of its input that a part meets in one dense pass."""
        return part.rows * part.tokens


def rhythm_of(injection: Injection) -> Rhythm:
    """When a bias or constant enters."""
    return Rhythm.EVERY if injection == "every" else Rhythm.ONCE


def combine(part: Part, *, unit_spikes: bool) -> tuple[Action, ...]:
    """Both accumulators of an output made one current, where the core has two."""
    if unit_spikes:
        return (Action(Role.THETA_COMBINE, Op.ADD, part.elements),) if part.accumulators == 2 else ()
    return theta_combine(part.elements, Rhythm.EVERY) if part.accumulators == 2 else ()


def theta_combine(elements: int, rhythm: Rhythm) -> tuple[Action, ...]:
    """theta1 * pos - theta2 * neg."""
    return tuple(Action(Role.THETA_COMBINE, op, elements, rhythm=rhythm) for op in (Op.MUL, Op.MAC))


def dense_layer(part: Part, fan_in: int, rhythm: Rhythm) -> tuple[Access, ...]:
    """Accesses of a layer that multiplies: each input of each token meets a row of weights and of accumulators."""
    accumulator = (Role.DENSE_ACCUMULATOR_READ, Role.DENSE_ACCUMULATOR_WRITE)
    return (
        Access((Role.DENSE_WEIGHT_ROWS,), fan_in, part.outputs, rhythm=rhythm, reuse=Reuse.BATCH),
        Access(accumulator, fan_in * part.tokens, part.outputs, rhythm=rhythm),
    )
