"""Convolutions: as synapses, with borders and pooling counted exactly.

"synapse rows" is an accumulate per output that a spike reaches. A spike needs weight rows: one kernel element of its channel, the
part's output channels of its group side by side. Per row: "weight rows" and "accumulator read", "accumulator write" a row of that
many channels. "bias read" is a word per channel; everything else as of a synapse.
"""

from __future__ import annotations

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d
from synaptile.simulator.actions.part import Part
from synaptile.simulator.actions.rules import Rules
from synaptile.simulator.actions.synapse import ACCUMULATOR, READ_OUT, combine, rhythm_of
from synaptile.simulator.actions.vocabulary import Access, Action, Op, Role, Trigger


class ConvolutionRules(Rules[Convolution2d], of=(Convolution2d, IntegerConvolution2d)):
    """A spiking convolution, pooling in front of it included."""

    def actions(self, part: Part, node: Convolution2d) -> tuple[Action, ...]:
        """Operations that a part issues."""
        return (
            Action(Role.SYNAPSE_ROWS, Op.AC, 1, Trigger.REACHED),
            Action(Role.BIAS, Op.ADD, part.elements, rhythm=rhythm_of(node.injection)),
            *combine(part, unit_spikes=node.unit_spikes),
        )

    def accesses(self, part: Part, node: Convolution2d) -> tuple[Access, ...]:
        """Words that a part reads and writes."""
        channels = node.part_channels(part.start, part.stop)
        together = min(channels, node.channels // node.groups)
        return (
            Access((Role.WEIGHT_ROWS, *ACCUMULATOR), 1, together, Trigger.FIRST_INPUT),
            Access(READ_OUT, part.tokens * part.accumulators, part.outputs),
            Access((Role.BIAS_READ,), 1, channels, rhythm=rhythm_of(node.injection)),
        )

    def dense(self, node: Convolution2d) -> tuple[Action, ...]:
        """Operations of one dense pass."""
        layer = Action(Role.DENSE_ROWS, Op.MAC, node.macs), Action(Role.BIAS, Op.ADD, node.size)
        if node.pooling == "none":
            return layer
        pooled = node.image[0] * node.pooled[0] * node.pooled[1] * node.pool_kernel[0] * node.pool_kernel[1]
        return *layer, Action(Role.POOLING, Op.ADD, pooled)

    def activations(self, part: Part, node: Convolution2d) -> int:
        """Weight rows that a part needs in one dense pass; pooling is done on the way in."""
        return node.part_fetches(part.start, part.stop)

    def arrivals(self, part: Part, node: Convolution2d) -> int:
        """Elements of its input that reach a part in one dense pass."""
        first, last = node.part_span(part.start, part.stop)
        return last - first
