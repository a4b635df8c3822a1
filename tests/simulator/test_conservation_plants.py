"""Is a kernel or a map that loses or doubles a count caught while the network runs?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.foundation.errors import ConservationError
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import execute
from synaptile.simulator.event import product_unit, units
from synaptile.simulator.kernels.fire import fire_from_rest
from synaptile.simulator.kernels.product import ProductCounts, multiply
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, some_images


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    return map_graph(vit_graph(1, 7, 12, 3, 20, 4), CHIPS["splitting"](), anneal_moves=50)


def run(program: CoreProgram, numeric: str = "float32") -> None:
    execute(program, some_images(program.graph, 2), 2, numeric)


def corrupted(kernel: Callable[..., Any], change: Callable[[Any], None]) -> Callable[..., Any]:
    """The kernel with its returned counts changed."""

    def wrapped(*arguments: Any) -> Any:
        counts = kernel(*arguments)
        change(counts)
        return counts

    return wrapped


def add_one(counts: Any) -> None:
    counts.reshape(-1)[0] += 1


def drop_one(counts: Any) -> None:
    at = np.flatnonzero(counts.reshape(-1))
    counts.reshape(-1)[at[0]] -= 1


@pytest.mark.parametrize("change", [add_one, drop_one])
@pytest.mark.parametrize(("name", "numeric"), [("accumulate", "float32"), ("accumulate_integer", "int8")])
def test_a_synapse_that_miscounts_is_caught(
    program: CoreProgram, monkeypatch: pytest.MonkeyPatch, name: str, numeric: str, change: Callable[[Any], None]
) -> None:
    run(program, numeric)
    monkeypatch.setattr(units, name, corrupted(getattr(units, name), change))
    with pytest.raises(ConservationError, match=r"synapse 'blocks\.0\.attn\.qkv', step 1: \d+ accumulates issued .*fan-out"):
        run(program, numeric)


def test_neurons_that_miscount_are_caught(program: CoreProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "fire_from_rest", corrupted(fire_from_rest, add_one))
    with pytest.raises(ConservationError, match=r"site 'blocks\.0\.attn\.qkv\.in', step 1: \d+ spikes sent, \d+ fired"):
        run(program)


@pytest.mark.parametrize("change", [add_one, drop_one])
def test_a_product_that_miscounts_is_caught(
    program: CoreProgram, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]
) -> None:
    def wrapped(*arguments: Any) -> None:
        multiply(*arguments)
        (counts,) = (argument for argument in arguments if isinstance(argument, ProductCounts))
        change(counts.a)

    monkeypatch.setattr(product_unit, "multiply", wrapped)
    with pytest.raises(ConservationError, match=r"product 'blocks\.0\.attn\.qk', step 1: \d+ accumulates issued"):
        run(program)


@pytest.mark.parametrize(
    ("node", "column"),
    [
        ("blocks.0.attn.q", "token_stop"),
        ("blocks.0.attn.softmax.out", "out_stop"),
        ("blocks.0.mlp.fc1", "token_stop"),
        ("blocks.0.attn.qk", "token_stop"),
        ("blocks.0.attn.sv", "token_stop"),
    ],
)
def test_a_part_that_covers_too_little_is_caught(program: CoreProgram, node: str, column: str) -> None:
    """A map that lost a piece of a node, as no verified map has."""
    cut = getattr(program.parts, column).copy()
    cut[program.parts_of(node)[0]] -= 1
    broken = replace(program, parts=replace(program.parts, **{column: cut}))
    with pytest.raises(ConservationError, match=node.replace(".", r"\.")):
        run(broken)


def test_a_part_listed_twice_is_caught(program: CoreProgram) -> None:
    parts, twice = program.parts, int(program.parts_of("blocks.0.mlp.fc2")[0])
    doubled = {name: np.append(column, column[twice]) for name, column in vars(parts).items()}
    with pytest.raises(ConservationError, match=r"synapse 'blocks\.0\.mlp\.fc2'"):
        run(replace(program, parts=replace(parts, **doubled)))
