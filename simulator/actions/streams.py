"""Nodes that move or add streams of real values, of E elements per image and step.

Add: "residual add" E add per addend beyond the first; "residual read" and "residual write" a row each. Rotation: "rotation" E
mul, and E mac where channels have partners; "parameters", a row per token of its factors and of their partners'. Gate: "EC
accumulate" 2 E add (law of differences: mac), "mean" 2 E mul (law of means), "gate" E mul, "expectation" E add and, but for the
law of sums, E mul; "EC state read" and "EC state write" 3 rows, in a dense pass "activation read" 2 and "activation write" 1.
Token mean: "pooling" an add per token beyond the first, then E mul; "sum read" and "sum write" a row per token. Constant and
input current: "constant read". Concatenation, selection, another order and what comes from off the chip do nothing.
"""

from __future__ import annotations

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    CurrentSource,
    Gate,
    ImageSource,
    InputCurrent,
    Node,
    Rearrange,
    Rotation,
    SpikeSource,
    TokenMean,
    TokenSelect,
    TokenSource,
    ValueSource,
)
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.synapse import rhythm_of
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Role, Side

SUM = (Role.SUM_READ, Role.SUM_WRITE)


class MovedRules(
    Rules[Node],
    of=(ImageSource, SpikeSource, ValueSource, CurrentSource, TokenSource, Concatenate, TokenSelect, Rearrange),
):
    """Nodes that no operation is spent on."""


class ConstantRules(Rules[ConstantStream], of=(ConstantStream,)):
    """A constant."""

    def accesses(self, part: Part, node: ConstantStream) -> tuple[Access, ...]:
        """Words that a part reads."""
        return (Access((Role.CONSTANT_READ,), part.lines, part.width, rhythm=rhythm_of(node.injection)),)


class InputRules(Rules[InputCurrent], of=(InputCurrent,)):
    """Currents that input neurons read at every step."""

    def accesses(self, part: Part, node: InputCurrent) -> tuple[Access, ...]:
        """Words that a part reads."""
        return (Access((Role.CONSTANT_READ,), part.lines, part.width, side=Side.SPIKING),)


class AddRules(Rules[Add], of=(Add,)):
    """A sum of streams."""

    def actions(self, part: Part, node: Add) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (Action(Role.RESIDUAL_ADD, Op.ADD, (len(node.inputs) - 1) * part.elements),)

    def accesses(self, part: Part, node: Add) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        roles = (Role.RESIDUAL_READ, Role.RESIDUAL_WRITE)
        return (Access(roles, (len(node.inputs) - 1) * part.lines, part.width),)

    def dense(self, node: Add) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        others = len(node.inputs) - 1
        return (Action(Role.STREAM_ADD, Op.ADD, others * node.size),) if others else ()


class RotationRules(Rules[Rotation], of=(Rotation,)):
    """Pairs of channels turned."""

    def actions(self, part: Part, node: Rotation) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return _turn(node, part.elements)

    def accesses(self, part: Part, node: Rotation) -> tuple[Access, ...]:
        """Words that a part reads."""
        return (Access((Role.PARAMETERS,), len(node.array_shapes()) * part.lines, min(part.width, node.period)),)

    def dense(self, node: Rotation) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return _turn(node, node.size)


class GateRules(Rules[Gate], of=(Gate,)):
    """Two streams multiplied."""

    def actions(self, part: Part, node: Gate) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        accumulate = Action(Role.EC_ACCUMULATE, Op.MAC if node.law == "difference" else Op.ADD, 2 * e)
        means = (Action(Role.MEAN, Op.MUL, 2 * e),) if node.law == "mean" else ()
        times = () if node.law == "sum" else (Action(Role.EXPECTATION, Op.MUL, e),)
        return accumulate, *means, Action(Role.GATE, Op.MUL, e), *times, Action(Role.EXPECTATION, Op.ADD, e)

    def accesses(self, part: Part, node: Gate) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (
            Access((Role.EC_STATE_READ, Role.EC_STATE_WRITE), 3 * part.lines, part.width, side=Side.SPIKING),
            Access((Role.ACTIVATION_READ,), 2 * part.lines, part.width, side=Side.DENSE),
            Access((Role.ACTIVATION_WRITE,), part.lines, part.width, side=Side.DENSE),
        )

    def dense(self, node: Gate) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return (Action(Role.GATE, Op.MUL, node.size),)


class MeanRules(Rules[TokenMean], of=(TokenMean,)):
    """A mean over tokens."""

    def actions(self, part: Part, node: TokenMean) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return _mean(Role.POOLING, node, part.elements)

    def accesses(self, part: Part, node: TokenMean) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (Access(SUM, (node.stop - node.start) * part.lines, part.width),)

    def dense(self, node: TokenMean) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return _mean(Role.TOKEN_MEAN, node, node.size)


def _mean(role: Role, node: TokenMean, elements: int) -> tuple[Action, ...]:
    return Action(role, Op.ADD, (node.stop - node.start - 1) * elements), Action(role, Op.MUL, elements)


def _turn(node: Rotation, elements: int) -> tuple[Action, ...]:
    partners = (Action(Role.ROTATION, Op.MAC, elements),) if node.block > 1 else ()
    return Action(Role.ROTATION, Op.MUL, elements), *partners
