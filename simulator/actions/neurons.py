"""Neuron sites, of E elements per image and step; every spike is a "soft reset", whether it resets to a value or by subtraction.

* MT: "integrate" E add; "threshold compare" E * (1 + ceil(log2(n + 1))) compare (sign, then binary search over n levels),
  or E compare where the exponent of the membrane tells the level.
* ST-BIF: "integrate" E add (thresholds stand at the step, so nothing is divided); "threshold compare" 4 E compare (membrane and
  tracer, up and down); "tracer", an add per spike.
* differential: "integrate" E mac, m t/(t-1) + x (E add at the first step: nothing has grown); "threshold compare" as MT.
* IF, LIF, CubaLIF and integer neurons: "integrate" E add (constant gains ride in the weights, v_leak in the bias);
  "threshold compare" E compare; "leak" E mul where they leak, two of a CubaLIF neuron, whose current is another
  "integrate" E add. Discrete neurons alike; one whose membrane is the current of the step (a gate) compares only.

Accesses per token and step: "membrane read" and "membrane write" a row; of ST-BIF neurons "tracer read" and "tracer write" as
well, of CubaLIF neurons "synaptic current read" and "synaptic current write", of differential ones "threshold read", a theta per
channel that a block of tokens shares. A dense pass has no neurons.
"""

from __future__ import annotations

import math

from synaptile.conversion.graph import (
    CubaLIFNeurons,
    DifferentialNeurons,
    DiscreteNeurons,
    IFNeurons,
    IntegerNeurons,
    LeakyNeurons,
    LIFNeurons,
    MTNeurons,
    STBIFNeurons,
)
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import N, Rules
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Reuse, Rhythm, Role, Side, Trigger

_MEMBRANE = (Role.MEMBRANE_READ, Role.MEMBRANE_WRITE)
_RESET = Action(Role.SOFT_RESET, Op.ADD, 1, Trigger.SENT)


class _SiteRules(Rules[N], of=()):
    """What the words of a neuron are."""

    state: tuple[Role, ...] = _MEMBRANE

    def accesses(self, part: Part, node: N) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return (Access(self.state, part.lines, part.width, side=Side.SPIKING),)


class MTRules(_SiteRules[MTNeurons], of=(MTNeurons,)):
    """Multi-threshold neurons."""

    def actions(self, part: Part, node: MTNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        each = 1 if part.exponent else 1 + math.ceil(math.log2(node.n + 1))
        compare = Action(Role.THRESHOLD_COMPARE, Op.COMPARE, e * each)
        return Action(Role.INTEGRATE, Op.ADD, e), compare, _RESET


class STBIFRules(_SiteRules[STBIFNeurons], of=(STBIFNeurons,)):
    """Ternary neurons with a spike tracer."""

    state = (*_MEMBRANE, Role.TRACER_READ, Role.TRACER_WRITE)

    def actions(self, part: Part, node: STBIFNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        tracer = Action(Role.TRACER, Op.ADD, 1, Trigger.SENT)
        return Action(Role.INTEGRATE, Op.ADD, e), Action(Role.THRESHOLD_COMPARE, Op.COMPARE, 4 * e), _RESET, tracer


class DifferentialRules(_SiteRules[DifferentialNeurons], of=(DifferentialNeurons,)):
    """Neurons that send changes of a running mean."""

    def actions(self, part: Part, node: DifferentialNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        each = 1 if part.exponent else 1 + math.ceil(math.log2(node.n + 1))
        compare = Action(Role.THRESHOLD_COMPARE, Op.COMPARE, e * each)
        grown = Action(Role.INTEGRATE, Op.MAC, e, rhythm=Rhythm.LATER)
        return Action(Role.INTEGRATE, Op.ADD, e, rhythm=Rhythm.ONCE), grown, compare, _RESET

    def accesses(self, part: Part, node: DifferentialNeurons) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        thetas = Access((Role.THRESHOLD_READ,), 1, part.outputs, side=Side.SPIKING, reuse=Reuse.BLOCK)
        return *super().accesses(part, node), thetas


class LeakyRules(_SiteRules[LeakyNeurons], of=(IFNeurons,)):
    """Integrate-and-fire neurons; `terms` are the variables that take something in, `leaking` those that leak."""

    terms, leaking = 1, 0

    def actions(self, part: Part, node: LeakyNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        leak = (Action(Role.LEAK, Op.MUL, self.leaking * e),) if self.leaking else ()
        return Action(Role.INTEGRATE, Op.ADD, self.terms * e), Action(Role.THRESHOLD_COMPARE, Op.COMPARE, e), *leak, _RESET


class DiscreteRules(_SiteRules[DiscreteNeurons], of=(DiscreteNeurons,)):
    """Neurons by difference equations, and gates, which keep nothing."""

    def actions(self, part: Part, node: DiscreteNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        compare = Action(Role.THRESHOLD_COMPARE, Op.COMPARE, e)
        if not node.keeps:
            return (compare,)
        leak = (Action(Role.LEAK, Op.MUL, e),) if node.tau else ()
        return Action(Role.INTEGRATE, Op.ADD, e), compare, *leak, _RESET

    def accesses(self, part: Part, node: DiscreteNeurons) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return super().accesses(part, node) if node.keeps else ()


class IntegerRules(_SiteRules[IntegerNeurons], of=(IntegerNeurons,)):
    """Neurons of whole numbers."""

    def actions(self, part: Part, node: IntegerNeurons) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e = part.elements
        leak = (Action(Role.LEAK, Op.MUL, e),) if node.decay else ()
        return Action(Role.INTEGRATE, Op.ADD, e), Action(Role.THRESHOLD_COMPARE, Op.COMPARE, e), *leak, _RESET


class LIFRules(LeakyRules, of=(LIFNeurons,)):
    """Leaky neurons."""

    leaking = 1


class CubaLIFRules(LeakyRules, of=(CubaLIFNeurons,)):
    """Leaky neurons with a synaptic current."""

    terms, leaking = 2, 2
    state = (*_MEMBRANE, Role.SYNAPTIC_CURRENT_READ, Role.SYNAPTIC_CURRENT_WRITE)
