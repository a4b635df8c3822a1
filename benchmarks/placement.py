"""Flit-hops of placements, by method and time, beside mtkahypar's where it can take part.

``python benchmarks/placement.py PROGRAM.map`` compares annealing, force and trees on the program's board. ``--mtkahypar`` (needs
the package) maps the multicast trees by its Steiner objective as well: it takes 64 tiles at most and knows one kind of core, so
both are also given slots that any core may take. Flit-hops are expected messages times links of the routed XY tree.
``--cores N`` times a drawn network of N cores instead. Results: docs/decisions/0024-placement-at-scale.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.options import PlacementMethod
from synaptile.foundation.types import Int32
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import CoreProgram, load_program
from synaptile.mapper.board import board_shape
from synaptile.mapper.multicast import trees_of
from synaptile.mapper.placement import Seats, place
from synaptile.mapper.routing import route
from synaptile.mapper.topology import topology_of
from synaptile.mapper.traffic import Traffic, core_traffic, expected_messages

LAYER, PARTNERS, SPREAD = 200, 8, 12
"""Drawn network: cores of a layer, those of the next that each talks to, and how far off its own place these lie."""


def flit_hops(program: CoreProgram, x: NDArray[np.integer], y: NDArray[np.integer]) -> float:
    """Expected messages times links of their trees, a step, with cores on tiles (x, y)."""
    seats = Seats(x.astype(np.int32), y.astype(np.int32), np.zeros(x.size, np.int32))
    routes = route(program.parts, program.flows, seats, topology_of(program.chip, program.board))
    messages = np.zeros(routes.hops.size)
    leaving = np.flatnonzero(program.flows.group >= 0)
    messages[program.flows.group[leaving]] = expected_messages(program.graph, program.parts, program.flows)[leaving]
    return float(messages @ routes.hops)


def of_one_kind(chip: Chip) -> tuple[Chip, int]:
    """The chip with all slots of a tile open to every core, and how many these are."""
    slots = chip.mesh.synapse_cores_per_tile + chip.mesh.ec_cores_per_tile
    return replace(chip, mesh=replace(chip.mesh, synapse_cores_per_tile=slots, ec_cores_per_tile=0), ec_core=None), slots


def placed(program: CoreProgram, chip: Chip, kinds: Int32, method: PlacementMethod, effort: int) -> tuple[float, float]:
    """Flit-hops and CPU seconds of one of our methods, with `effort` moves per core."""
    of = (program.graph, program.parts, program.flows, kinds.size)
    plain, drawn = core_traffic(*of), trees_of(*of) if method == "trees" else core_traffic(*of, shared=True)
    began = time.process_time()
    seats, _ = place(chip, program.board, kinds, plain, method=method, seed=0, moves=effort * kinds.size, drawn_by=lambda: drawn)
    took = time.process_time() - began
    return flit_hops(program, seats.x, seats.y), took


def show_ours(program: CoreProgram, chip: Chip, kinds: Int32) -> None:
    """Annealing, force and trees, each with its default effort and ten times that."""
    efforts: tuple[tuple[PlacementMethod, int], ...] = (("anneal", 2_000), ("force", 200), ("trees", 5_000))
    for method, default in efforts:
        for effort in (default, 10 * default):
            hops, took = placed(program, chip, kinds, method, effort)
            print(f"{method}, {effort} per core: {hops:.4g} flit-hops, {took:.2f} s")


def mtkahypar(program: CoreProgram, slots: int) -> tuple[float, float]:
    """Flit-hops and CPU seconds of Steiner trees on the mesh by mtkahypar, `slots` cores a tile whatever their kind."""
    import mtkahypar as library

    width, height = board_shape(program.chip, program.board)
    cores, tiles = program.cores.kind.size, width * height
    flows, parts = program.flows, program.parts
    messages = expected_messages(program.graph, parts, flows)
    trees: dict[int, tuple[set[int], float]] = {}
    for flow in np.flatnonzero(flows.group >= 0):
        pins, _ = trees.setdefault(int(flows.group[flow]), (set(), float(messages[flow])))
        pins.update((int(parts.core[flows.source[flow]]), int(parts.core[flows.target[flow]])))
    alike: dict[tuple[int, ...], float] = {}
    for pins, weight in trees.values():
        alike[tuple(sorted(pins))] = alike.get(tuple(sorted(pins)), 0.0) + weight
    start = library.initialize(1)
    library.set_seed(1)
    context = start.context_from_preset(library.PresetType.DEFAULT)
    context.set_mapping_parameters(tiles, 0.03)
    context.set_individual_target_block_weights([slots] * tiles)
    links = [(t, t + 1) for t in range(tiles) if t % width < width - 1] + [(t, t + width) for t in range(tiles - width)]
    began = time.process_time()
    weights = [max(1, round(weight)) for weight in alike.values()]
    graph = start.create_hypergraph(context, cores, len(alike), [list(pins) for pins in alike], [1] * cores, weights)
    target = start.create_target_graph(context, tiles, len(links), links, [1] * len(links))
    tile = np.array(graph.map_onto_graph(target, context).get_partition())
    took = time.process_time() - began
    return flit_hops(program, tile % width, tile // width), took


def drawn(cores: int) -> None:
    """Place a drawn network by force."""
    side = int(np.ceil((cores * 0.55) ** 0.5))
    chip = load_chip("ecmt45")
    chip = replace(chip, mesh=replace(chip.mesh, width=side, height=side))
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(cores), PARTNERS)
    target = (source // LAYER + 1) * LAYER + (source % LAYER + rng.integers(-SPREAD, SPREAD + 1, source.size)) % LAYER
    source, target = source[target < cores], target[target < cores]
    weight = rng.integers(1, 100, source.size).astype(float)
    pair, index = np.unique(np.append(source * cores + target, target * cores + source), return_inverse=True)
    offset = np.searchsorted(pair // cores, np.arange(cores + 1)).astype(np.int64)
    traffic = Traffic(offset, pair % cores, np.bincount(index, np.append(weight, weight)).astype(np.float64))
    began = time.perf_counter()
    kinds = (np.arange(cores) // LAYER % 2).astype(np.int32)
    _, found = place(chip, (1, 1), kinds, traffic, method="force", seed=0)
    took = time.perf_counter() - began
    print(f"{cores:,} cores: {found.weighted_hops:.4g} weighted hops, baseline {found.baseline_weighted_hops:.4g}, {took:.1f} s")


def main() -> None:
    """Compare methods on a program, or time a drawn network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, nargs="?")
    parser.add_argument("--mtkahypar", action="store_true")
    parser.add_argument("--cores", type=int)
    given = parser.parse_args()
    if given.cores:
        drawn(given.cores)
        return
    program = load_program(given.program)
    print(f"{program.cores.kind.size:,} cores on {program.board}, as mapped:", end=" ")
    print(f"{flit_hops(program, program.cores.x, program.cores.y):.4g} flit-hops")
    show_ours(program, program.chip, program.cores.kind)
    if given.mtkahypar:
        chip, slots = of_one_kind(program.chip)
        print("any core in any slot:")
        show_ours(program, chip, np.zeros_like(program.cores.kind))
        hops, took = mtkahypar(program, slots)
        print(f"mtkahypar: {hops:.4g} flit-hops, {took:.2f} s")


if __name__ == "__main__":
    main()
