"""A mapped network of text on a sentence shorter than the longest: the same parts, cores and routes, fewer tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synaptile.conversion.graph import TokenSource, at_length
from synaptile.mapper.program import CoreProgram


def program_at(program: CoreProgram, length: int) -> CoreProgram:
    """The program on a sentence of `length` tokens: no part or flow has tokens beyond it, some have none at all.

    Raises GraphError for a length that the graph was not made for, or a graph of anything but text.
    """
    graph = at_length(program.graph, length)
    if graph is program.graph:
        return program
    assert isinstance(program.graph.source, TokenSource)
    parts, flows = program.parts, program.flows
    limit = np.int32(length)
    return replace(
        program,
        graph=graph,
        parts=replace(parts, token_start=np.minimum(parts.token_start, limit), token_stop=np.minimum(parts.token_stop, limit)),
        flows=replace(flows, token_start=np.minimum(flows.token_start, limit), token_stop=np.minimum(flows.token_stop, limit)),
    )
