"""Front ends: what makes currents of pixels or words, once per image or sentence.

Patch embedding of E elements: "front end" fan-in * E mac and "bias" E add. Token embedding: "embedding" E add.

Accesses: a patch embedding's are those of a dense layer, a token embedding reads a row per token ("position read"). Both keep
their currents: "current write" once, "current read" at each later step at which the sample is shown.
"""

from __future__ import annotations

from synaptile.conversion.graph import PatchEmbedding, TokenEmbedding
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.synapse import dense_layer
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Rhythm, Role, Side


class PatchRules(Rules[PatchEmbedding], of=(PatchEmbedding,)):
    """The dense convolution of an image."""

    def actions(self, part: Part, node: PatchEmbedding) -> tuple[Action, ...]:
        """Operations that a part issues."""
        e, once = part.elements, Rhythm.ONCE
        return Action(Role.FRONT_END, Op.MAC, node.fan_in * e, rhythm=once), Action(Role.BIAS, Op.ADD, e, rhythm=once)

    def accesses(self, part: Part, node: PatchEmbedding) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return *dense_layer(part, node.fan_in, Rhythm.ONCE), *_current(part)

    def dense(self, node: PatchEmbedding) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return Action(Role.DENSE_ROWS, Op.MAC, node.size * node.fan_in), Action(Role.BIAS, Op.ADD, node.size)


class TokenRules(Rules[TokenEmbedding], of=(TokenEmbedding,)):
    """The look-up of a sentence."""

    def actions(self, part: Part, node: TokenEmbedding) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (Action(Role.EMBEDDING, Op.ADD, part.elements, rhythm=Rhythm.ONCE),)

    def accesses(self, part: Part, node: TokenEmbedding) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        return Access((Role.POSITION_READ,), part.lines, part.width, rhythm=Rhythm.ONCE), *_current(part)

    def dense(self, node: TokenEmbedding) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        return (Action(Role.EMBEDDING, Op.ADD, node.size),)


def _current(part: Part) -> tuple[Access, ...]:
    """The current that is kept while the sample is shown."""
    return (
        Access((Role.CURRENT_WRITE,), part.lines, part.width, rhythm=Rhythm.ONCE, side=Side.SPIKING),
        Access((Role.CURRENT_READ,), part.lines, part.width, rhythm=Rhythm.SHOWN, side=Side.SPIKING),
    )
