"""The smallest board of chips that holds the cores in use."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.types import Int32
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram

LONGEST_SIDE = 3
"""A board of more chips one way than this many times the other is taken only where `mesh.max_chips` leaves no choice."""


def smallest_board(chip: Chip, core_kind: Int32) -> tuple[int, int]:
    """Columns and rows of chips for cores of the given kinds, shape (cores,): fewest chips, then nearest to a square.

    Seven chips make a board of 4 x 2 rather than 7 x 1 (see LONGEST_SIDE): a chip left idle costs less than long routes.
    The caller has checked that `mesh.max_chips` suffice.
    """
    mesh = chip.mesh
    tiles = max(-(-int(np.count_nonzero(core_kind == kind)) // max(cores_per_tile(chip, kind), 1)) for kind in CoreKind)
    chips = max(1, -(-tiles // (mesh.width * mesh.height)))
    boards = [(columns, -(-chips // columns)) for columns in range(1, chips + 1)]
    within = [board for board in boards if board[0] * board[1] <= mesh.max_chips]

    def unfit(board: tuple[int, int]) -> tuple[bool, int, float]:
        columns, rows = board
        width, height = columns * mesh.width, rows * mesh.height
        return max(columns, rows) > LONGEST_SIDE * min(columns, rows), columns * rows, max(width / height, height / width)

    return min(within, key=unfit)


def cores_per_tile(chip: Chip, kind: CoreKind) -> int:
    """Cores of one kind on a tile."""
    if kind is CoreKind.SYNAPSE:
        return chip.mesh.synapse_cores_per_tile
    return chip.mesh.ec_cores_per_tile if chip.ec_core is not None else 0


def board_shape(chip: Chip, board: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a board in tiles."""
    return board[0] * chip.mesh.width, board[1] * chip.mesh.height


def tile_of_cores(program: CoreProgram) -> Int32:
    """Tile of each core, ``y * board_width + x``, shape (cores,)."""
    width, _ = board_shape(program.chip, program.board)
    tiles: Int32 = (program.cores.y * width + program.cores.x).astype(np.int32)
    return tiles
