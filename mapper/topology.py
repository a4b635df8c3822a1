"""How routers are joined: a mesh, a torus over the whole board, or a tree of each chip; paths, distances, rings, chips.

Routers are numbered: tiles first, ``y * board_width + x``. In a tree a router stands over every 2 x 2 tiles, then over every
2 x 2 of those, up to one root a chip, and one router joins the roots of a board: they follow, chip by chip and from below.
Paths of one source never meet again once they have parted, so their union is a tree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.board import board_shape

KINDS = ("mesh", "torus", "tree")
MESH, TORUS, TREE = range(3)
BOARD = -1
"""Chip of the router that joins the roots of a board's chips."""


class Topology(NamedTuple):
    """Of a board: its size and that of a chip in tiles. `parent` (routers,) is the router above in a tree, -1 of the topmost."""

    kind: int
    width: int
    height: int
    chip_width: int
    chip_height: int
    parent: Int32
    chip: Int32

    @property
    def tiles(self) -> int:
        """Tiles of the board; routers above them have greater numbers."""
        return self.width * self.height


def topology_of(chip: Chip, board: tuple[int, int]) -> Topology:
    """The network of a board of ``board`` columns and rows of chips."""
    mesh, (columns, rows) = chip.mesh, board
    width, height = board_shape(chip, board)
    tile = np.arange(width * height)
    of_tile = tile // width // mesh.height * columns + tile % width // mesh.width
    kind = KINDS.index(chip.noc.topology)
    if kind != TREE:
        none = np.full(tile.size, -1, np.int32)
        return Topology(kind, width, height, mesh.width, mesh.height, none, of_tile.astype(np.int32))
    parent, of_chip = [-1] * tile.size, of_tile.tolist()
    roots = []
    for number in range(columns * rows):
        corner = number // columns * mesh.height * width + number % columns * mesh.width
        below = {(x, y): corner + y * width + x for y in range(mesh.height) for x in range(mesh.width)}
        while len(below) > 1:
            above = {place: len(parent) + at for at, place in enumerate(sorted({(x // 2, y // 2) for x, y in below}))}
            parent += [-1] * len(above)
            of_chip += [number] * len(above)
            for (x, y), router in below.items():
                parent[router] = above[x // 2, y // 2]
            below = above
        roots += list(below.values())
    if len(roots) > 1:
        for router in roots:
            parent[router] = len(parent)
        parent.append(-1)
        of_chip.append(BOARD)
    return Topology(kind, width, height, mesh.width, mesh.height, np.array(parent, np.int32), np.array(of_chip, np.int32))


@njit(cache=True)
def distance(topology: Topology, here: int, there: int) -> int:
    """Links between two tiles."""
    width = topology.width
    if topology.kind == TREE:
        hops = 0
        while here != there:
            here, there = topology.parent[here], topology.parent[there]
            hops += 2
        return hops
    x, y = abs(here % width - there % width), abs(here // width - there // width)
    if topology.kind == TORUS:
        x, y = min(x, width - x), min(y, topology.height - y)
    return x + y


@njit(cache=True)
def distances(topology: Topology, here: NDArray[np.integer], there: NDArray[np.integer]) -> Int64:
    """Links between pairs of tiles, shape (pairs,)."""
    found = np.empty(here.size, np.int64)
    for i in range(here.size):
        found[i] = distance(topology, here[i], there[i])
    return found


@njit(cache=True)
def is_link(topology: Topology, here: int, there: int) -> bool:
    """Whether a link leads from one router to another."""
    if topology.kind == TREE:
        return bool(topology.parent[here] == there or topology.parent[there] == here)
    return max(here, there) < topology.width * topology.height and distance(topology, here, there) == 1


@njit(cache=True)
def _along(position: int, goal: int, extent: int, wraps: bool) -> int:
    """The next position on the way to a goal; on a ring the shorter way, upwards where both are as long."""
    step = 1 if goal > position else -1
    if not wraps:
        return position + step
    ahead = (goal - position) % extent
    return (position + (1 if 2 * ahead <= extent else -1)) % extent


@njit(cache=True)
def next_router(topology: Topology, here: int, goal: int) -> int:
    """The router behind `here` on the way to the tile `goal`: along the row first, then the column; in a tree up, then down."""
    if topology.kind == TREE:
        below = goal
        while below >= 0 and topology.parent[below] != here:
            below = topology.parent[below]
        up: int = topology.parent[here]
        return below if below >= 0 else up
    width, wraps = topology.width, topology.kind == TORUS
    x, y = here % width, here // width
    if x != goal % width:
        x = _along(x, goal % width, width, wraps)
    else:
        y = _along(y, goal // width, topology.height, wraps)
    return y * width + x


@njit(cache=True, nogil=True)
def trees(topology: Topology, source: Int64, bounds: Int64, targets: Int64, links: Int32) -> Int64:
    """Write the links of each tree, parents before children, and return the offsets of trees, shape (groups + 1,).

    Shapes: source (groups,), bounds (groups + 1,), targets (deliveries,), links (2, enough): routers that a link leaves, enters.
    A link is known by where it ends: paths of one source that meet have come the same way.
    """
    offset = np.zeros(source.size + 1, np.int64)
    reached = np.full(topology.parent.size, -1, np.int64)
    count = 0
    for group in range(source.size):
        reached[source[group]] = group
        for delivery in range(bounds[group], bounds[group + 1]):
            here = source[group]
            while here != targets[delivery]:
                there = next_router(topology, here, targets[delivery])
                if reached[there] != group:
                    reached[there] = group
                    links[0, count] = here
                    links[1, count] = there
                    count += 1
                here = there
        offset[group + 1] = count
    return offset


def crossing(topology: Topology, here: NDArray[np.integer], there: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which links join two chips, shape (links,)."""
    joins: NDArray[np.bool_] = topology.chip[here] != topology.chip[there]
    return joins


def directions(topology: Topology, here: NDArray[np.integer], there: NDArray[np.integer]) -> Int64:
    """Where each link of a mesh or torus leads, shape (links,): 0 the next column, 1 the one before, 2 the next row, 3 before."""
    width, height = topology.width, topology.height
    x, y = there % width - here % width, there // width - here // width
    wraps = topology.kind == TORUS
    back = (x == -1) | (y == -1) | (wraps & ((x == width - 1) | (y == height - 1)))
    ahead = wraps & ((x == 1 - width) | (y == 1 - height))
    return np.asarray(2 * (y != 0) + (back & ~ahead), np.int64)


def rings(topology: Topology, here: NDArray[np.integer], there: NDArray[np.integer]) -> Int32:
    """The ring of a torus that each link is part of, one per row or column and direction; -1 without rings. Shape (links,)."""
    if topology.kind != TORUS:
        return np.full(here.size, -1, np.int32)
    x, y, to_x, to_y = here % topology.width, here // topology.width, there % topology.width, there // topology.width
    upwards = np.where(y == to_y, (to_x - x) % topology.width == 1, (to_y - y) % topology.height == 1)
    ring: Int32 = (2 * np.where(y == to_y, y, topology.height + x) + upwards).astype(np.int32)
    return ring


def router_name(topology: Topology, router: int) -> str:
    """A tile by its place on the board, a router above them by its number."""
    return f"tile ({router % topology.width}, {router // topology.width})" if router < topology.tiles else f"tree router {router}"
