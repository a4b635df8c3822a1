"""ATen graph to SpikingGraph.

Layout operators (reshape, permute, unbind, select, ...) are not interpreted: each stream carries a tensor of flat indices
into the node that produces it, the layout operator itself is run on that tensor, and the consumer recognises the pattern it
needs (token rows, heads, transposed heads). What no pattern fits is refused by name.
"""

from synaptile.conversion.lowering.lower import lower

__all__ = ["lower"]
