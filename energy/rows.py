"""A part as rows of words: how wide, how many, on which core."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.conversion.graph import Node, ProductUnit
from synaptile.energy.memory_prices import accesses
from synaptile.mapper.program import CoreKind, CoreProgram


@dataclass(frozen=True)
class PartRows:
    """One part: `tokens` tokens, each a row of `width` words, or `heads` rows of them (maps and products).

    `word_bits` is the width of a word of state on its core.
    """

    node: Node
    index: int
    core: int
    tokens: int
    heads: int
    width: int
    word_bits: int

    @property
    def words(self) -> int:
        """Accesses of one token's row, or rows."""
        return self.heads * accesses(self.width, self.word_bits)

    def of(self, bits: int) -> int:
        """Accesses of one row of words of `bits` bits."""
        return accesses(self.width, bits)

    def accesses(self, words: int) -> int:
        """Accesses of a row of `words` words of state."""
        return accesses(words, self.word_bits)


def part_rows(program: CoreProgram, part: int) -> PartRows:
    """Rows of one part of a program."""
    parts, chip = program.parts, program.chip
    node = program.graph.nodes[program.node_names[int(parts.node[part])]]
    core = int(parts.core[part])
    units = int(parts.out_stop[part] - parts.out_start[part])
    heads, width = (units, node.shape[2]) if node.is_map else (1, units)
    if isinstance(node, ProductUnit) and not node.is_map:
        heads, width = units // node.head_width, node.head_width
    if program.cores.kind[core] == CoreKind.EC:
        # The mapper never makes an EC core on a chip that has none.
        assert chip.ec_core is not None
        word_bits = chip.ec_core.state_bits
    else:
        word_bits = chip.synapse_core.membrane_bits
    tokens = int(parts.token_stop[part] - parts.token_start[part])
    return PartRows(node, int(parts.node[part]), core, tokens, heads, width, word_bits)
