"""Do parts of a cut node ask for the right piece of each input?"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from synaptile.mapper import PartTable
from synaptile.mapper.regions import required
from tests.graphs import vit_graph

GRAPH = vit_graph(depth=1, tokens=7, width=24, heads=3, hidden=40, classes=5)


def asked(node: str, number: int, tokens: tuple[int, int], outputs: tuple[int, int]) -> tuple[int, ...]:
    columns = dict.fromkeys((field.name for field in fields(PartTable)), np.zeros(1, np.int64))
    columns |= {"token_start": np.array([tokens[0]]), "token_stop": np.array([tokens[1]])}
    columns |= {"out_start": np.array([outputs[0]]), "out_stop": np.array([outputs[1]])}
    region = required(GRAPH, GRAPH.nodes[node], number, PartTable(**columns), np.array([0]))  # type: ignore[arg-type]
    return tuple(int(column[0]) for column in region)


@pytest.mark.parametrize(
    ("node", "number", "tokens", "outputs", "needed"),
    [
        ("concatenate", 0, (0, 3), (0, 24), (0, 1, 0, 24)),
        ("concatenate", 1, (0, 3), (0, 24), (0, 2, 0, 24)),
        ("concatenate", 1, (3, 7), (4, 8), (2, 6, 4, 8)),
        ("concatenate", 0, (3, 7), (0, 24), (1, 1, 0, 24)),  # nothing
        ("blocks.0.attn.k", 0, (2, 5), (6, 9), (2, 5, 30, 33)),
        ("blocks.0.attn.qk", 0, (2, 5), (1, 2), (2, 5, 8, 16)),
        ("blocks.0.attn.qk", 1, (2, 5), (1, 2), (0, 7, 8, 16)),
        ("blocks.0.attn.sv", 0, (2, 5), (8, 16), (2, 5, 1, 2)),
        ("blocks.0.attn.sv", 1, (2, 5), (8, 16), (0, 7, 8, 16)),
        ("blocks.0.attn.softmax", 0, (2, 5), (1, 2), (2, 5, 1, 2)),
        ("blocks.0.norm1", 0, (2, 5), (0, 24), (2, 5, 0, 24)),
        ("select", 0, (0, 1), (0, 24), (0, 1, 0, 24)),
    ],
)
def test_a_part_asks_for(
    node: str, number: int, tokens: tuple[int, int], outputs: tuple[int, int], needed: tuple[int, ...]
) -> None:
    assert asked(node, number, tokens, outputs) == needed
