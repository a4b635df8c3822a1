"""map_graph: the passes in order, verified after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from synaptile.conversion.graph import SpikingGraph, Synapse
from synaptile.conversion.graph.storage import as_graph
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import PLACEMENT_METHODS, MappingGoal, PlacementMethod
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip, as_chip
from synaptile.mapper.anneal import weighted_hops
from synaptile.mapper.axons_out import check_axons_out
from synaptile.mapper.balance import Layout, balanced, check_goal
from synaptile.mapper.board import smallest_board
from synaptile.mapper.flows import connect
from synaptile.mapper.given import given_seats, laid_out, ordered_by
from synaptile.mapper.load import FiringRates
from synaptile.mapper.multicast import Trees, trees_of
from synaptile.mapper.packing import Packing, pack
from synaptile.mapper.partition import Partition, load_partition
from synaptile.mapper.phases import pack_in_phases, place_phases
from synaptile.mapper.placement import Seats
from synaptile.mapper.program import CoreProgram, CoreTable, FlowTable, Placement
from synaptile.mapper.refusal import DoesNotFit
from synaptile.mapper.routing import route
from synaptile.mapper.tiling import tile
from synaptile.mapper.topology import topology_of
from synaptile.mapper.traffic import Traffic, core_traffic
from synaptile.mapper.verify import verify_parts, verify_program
from synaptile.mapper.verify_flows import verify_flows

Progress = Callable[[str], None]
"""Told the name of each pass as it begins."""

Drawn = tuple[Traffic, Callable[[], Traffic | Trees] | None]
"""Traffic between cores, and what makes that which placement reduces in its place: see `place`."""


def map_graph(
    graph: SpikingGraph | str | Path,
    chip: Chip | str | Path,
    *,
    seed: int = 0,
    replicas: int | Mapping[str, int] = 1,
    placement: PlacementMethod = "anneal",
    anneal_moves: int | None = None,
    goal: MappingGoal = "room",
    rates: FiringRates | None = None,
    progress: Progress | None = None,
) -> CoreProgram:
    """Lay a SpikingGraph out on the cores of a chip.

    Args:
        graph: What to map, or the path of its file; its arrays are not read.
        chip: What to map it to, or its shipped name or file. As many chips as needed are taken, up to `mesh.max_chips`.
        seed: Seed of the placement, from 0 to 2**32 - 1. The same seed gives the same program.
        replicas: Copies of the weights of spiking synapses, tokens divided among them: a number for all (at most one a
            token), or one for each synapse named (1 for the others).
        placement: "anneal" (simulated annealing; of more than 65,536 cores by force), "metis" (recursive bisection),
            "row_major" (order of creation), "force" (drawn to those they talk to) or "trees" (annealed by the links of the
            multicast trees themselves: a mesh whose routers multicast).
        anneal_moves: Bound on the moves of annealing, force or trees; None scales it with the number of cores.
        goal: "room" takes as few cores as fit. "latency" and "throughput" cut and spread the work over all cores of the board
            that room needs, so that an image takes least time, or that most images pass; see `program.balance`.
        rates: Steps and firing rates to balance for, ASSUMED_STEPS and ASSUMED_DENSITY unless given. Not for room.
        progress: Called with the name of each pass as it begins.

    Parts are cut evenly, unless cutting them as large as fits (`options["cuts"] == "compact"`) saves a chip.

    Raises:
        DoesNotFit: The chip cannot hold the graph: every resource found short, the binding one first.
        InputError: An option is out of range or names no spiking synapse, or graph or chip is none.
        ConservationError: The mapper lost or doubled something: a defect in Synaptile.
    """
    graph, chip = as_graph(graph), as_chip(chip)
    _check_options(graph, seed, replicas, placement, anneal_moves)
    _check_recurrence(graph, chip)
    _check_trees(chip, placement)
    check_goal(graph, goal, rates, replicas)
    if goal != "room" and chip.weights == "streamed":
        raise InputError(
            f"goal is {goal!r}, chip {chip.name!r} streams its weights, and phases are filled for room alone: leave the goal out"
        )
    tell = progress or (lambda _: None)
    tell("tiling and packing")
    laid, board = (_in_phases if chip.weights == "streamed" else _fewest_chips)(graph, chip, replicas)
    balance, options = None, _options(seed, replicas, placement, anneal_moves, laid.cuts)
    if goal != "room":
        tell("balancing")
        rates = rates or FiringRates()
        laid, balance = balanced(graph, chip, goal, rates, board, laid)
        options |= {"cuts": laid.cuts, "goal": goal, "rates": {"steps": rates.steps, "density": dict(rates.density)}}

    def seated(packing: Packing, drawn: Drawn) -> tuple[Seats, Placement]:
        traffic, by = drawn
        return place_phases(chip, board, packing, traffic, method=placement, seed=seed, moves=anneal_moves, drawn_by=by)

    return replace(
        _program(graph, chip, laid, (board, placement), seated, tell), options=MappingProxyType(options), balance=balance
    )


def map_partition(
    graph: SpikingGraph | str | Path,
    chip: Chip | str | Path,
    partition: Partition | str | Path,
    *,
    seed: int = 0,
    placement: PlacementMethod = "anneal",
    anneal_moves: int | None = None,
    progress: Progress | None = None,
) -> CoreProgram:
    """Lay a SpikingGraph out as a partition says, which `partition_of` makes of any program, or a file holds.

    `seed`, `placement` and `anneal_moves` serve where it gives no seats; the rest as of `map_graph`. Layers of whole numbers are
    listed so that each piece is one range of outputs: the program's graph computes the same in another order.

    Raises:
        InputError: the partition leaves out or repeats outputs, names what there is not, seats two cores in one place.
        DoesNotFit: a core of it is beyond a limit of the chip.
    """
    graph, chip = as_graph(graph), as_chip(chip)
    _check_options(graph, seed, 1, placement, anneal_moves)
    _check_recurrence(graph, chip)
    _check_trees(chip, placement)
    given = (
        load_partition(partition) if isinstance(partition, str | Path) else expect(partition, Partition, "partition", "give one")
    )
    tell = progress or (lambda _: None)
    tell("the given partition")
    graph = ordered_by(graph, given)
    tiling, packing, board = laid_out(graph, chip, given)
    own = given_seats(chip, board, packing, given)

    def seated(packing: Packing, drawn: Drawn) -> tuple[Seats, Placement]:
        traffic, trees = drawn[0], drawn[1] if placement == "trees" else None
        if own is None:
            return place_phases(chip, board, packing, traffic, method=placement, seed=seed, moves=anneal_moves, drawn_by=trees)
        _, placed = place_phases(chip, board, packing, traffic, method="row_major", seed=seed, moves=0)
        topology = topology_of(chip, board)
        tile = own.y.astype(np.int64) * topology.width + own.x
        return own, replace(placed, method="given", weighted_hops=weighted_hops(traffic, tile, topology))

    options = _options(seed, 1, placement, anneal_moves, "given")
    return replace(
        _program(graph, chip, Layout(tiling, packing, "given"), (board, placement), seated, tell),
        options=MappingProxyType(options),
    )


def _program(
    graph: SpikingGraph,
    chip: Chip,
    laid: Layout,
    on: tuple[tuple[int, int], PlacementMethod],
    seated: Callable[[Packing, Drawn], tuple[Seats, Placement]],
    tell: Progress,
) -> CoreProgram:
    """Flows, seats and routes of a layout on a board, by a method of placement, verified after each pass."""
    (board, placement), tiling, packing = on, laid.tiling, laid.packing
    verify_parts(graph, chip, tiling.node_names, packing.parts)
    tell("flows")
    flows = connect(graph, tiling, packing.parts, packing.phase)
    verify_flows(graph, tiling.node_names, packing.parts, flows, packing.phase)
    tell("placement")
    seats, placed = seated(packing, _drawn(graph, chip, packing, flows, placement))
    tell("routing")
    routes = route(packing.parts, flows, seats, topology_of(chip, board))
    program = CoreProgram(
        graph=graph,
        chip=chip,
        node_names=tiling.node_names,
        parts=packing.parts,
        cores=_core_table(packing, seats),
        flows=flows,
        routes=routes,
        placement=placed,
        board=board,
        options=MappingProxyType({}),
    )
    tell("verification")
    verify_program(program)
    check_axons_out(program)
    return program


def _drawn(graph: SpikingGraph, chip: Chip, packing: Packing, flows: FlowTable, placement: PlacementMethod) -> Drawn:
    parts, cores = packing.parts, packing.core_kind.size
    traffic = core_traffic(graph, parts, flows, cores)
    if placement == "trees":
        return traffic, cache(lambda: trees_of(graph, parts, flows, cores))
    # Only force asks for it.
    return traffic, cache(lambda: core_traffic(graph, parts, flows, cores, shared=True)) if chip.noc.multicast else None


def _check_recurrence(graph: SpikingGraph, chip: Chip) -> None:
    """Raise InputError where a loop would have to run step by step on a chip that runs layer by layer."""
    order = "layer_major order" if chip.layer_major else "weights loaded in phases" if chip.weights == "streamed" else ""
    if order and graph.looks_back:
        raise InputError(
            f"graph {graph.name!r} reads spikes of earlier steps, chip {chip.name!r} has {order}: a layer does all its steps "
            "before the next; take a chip of order step_major with resident weights"
        )


def _check_trees(chip: Chip, placement: str) -> None:
    """Raise InputError where trees are asked for that the routers of the chip do not make."""
    if placement == "trees" and (chip.noc.topology != "mesh" or not chip.noc.multicast):
        lacks = "does not multicast" if chip.noc.topology == "mesh" else f"is a {chip.noc.topology}"
        raise InputError(
            f"placement is 'trees', which shortens multicast trees on a mesh, and the network of chip {chip.name!r} {lacks}: "
            "take anneal or force"
        )


def _check_options(
    graph: SpikingGraph, seed: int, replicas: int | Mapping[str, int], placement: str, anneal_moves: int | None
) -> None:
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed!r}, must be from 0 to {2**32 - 1}")
    if placement not in PLACEMENT_METHODS:
        raise InputError(f"placement is {placement!r}, must be one of {', '.join(PLACEMENT_METHODS)}")
    if anneal_moves is not None and (not isinstance(anneal_moves, int | np.integer) or anneal_moves < 0):
        raise InputError(f"anneal_moves is {anneal_moves!r}, must not be negative (None scales it with the number of cores)")
    if isinstance(replicas, int):
        if replicas < 1:
            raise InputError(f"replicas is {replicas}, must be at least 1")
        return
    if not isinstance(replicas, Mapping):
        raise InputError(f"replicas is {replicas!r}: give one number, or {{synapse: number}}")
    spiking = {synapse.name: synapse for synapse in graph.of_type(Synapse) if synapse.spiking}
    for name, count in replicas.items():
        if name not in spiking:
            raise InputError(
                f"replicas names {name!r}, which is no spiking synapse of graph {graph.name!r}: {', '.join(spiking)}"
            )
        if not isinstance(count, int | np.integer) or not 1 <= count <= spiking[name].tokens:
            raise InputError(f"replicas of {name!r} is {count!r}, must be from 1 to its {spiking[name].tokens} tokens")


def _options(
    seed: int, replicas: int | Mapping[str, int], placement: PlacementMethod, anneal_moves: int | None, cuts: str
) -> dict[str, object]:
    copies = replicas if isinstance(replicas, int) else dict(replicas)
    return {"seed": seed, "replicas": copies, "placement": placement, "anneal_moves": anneal_moves, "cuts": cuts}


def _fewest_chips(graph: SpikingGraph, chip: Chip, replicas: int | Mapping[str, int]) -> tuple[Layout, tuple[int, int]]:
    """Cut evenly; where that takes more than one chip, or does not fit, take compact cuts if they need fewer chips."""
    fitting: list[tuple[Layout, tuple[int, int]]] = []
    refusal: DoesNotFit | None = None
    for cuts in ("even", "compact"):
        compact = cuts == "compact"
        try:
            tiling = tile(graph, chip, replicas=replicas, compact=compact)
            packing = pack(graph, chip, tiling, compact=compact)
        except DoesNotFit as error:
            refusal = error
            continue
        fitting.append((Layout(tiling, packing, cuts), smallest_board(chip, packing.core_kind)))
        if fitting[-1][1] == (1, 1):
            break
    if not fitting:
        assert refusal is not None
        raise refusal
    return min(fitting, key=lambda entry: entry[1][0] * entry[1][1])


def _in_phases(graph: SpikingGraph, chip: Chip, replicas: int | Mapping[str, int]) -> tuple[Layout, tuple[int, int]]:
    """Cut evenly and fill one chip after another: the phases of a chip that streams its weights."""
    tiling = tile(graph, chip, replicas=replicas)
    return Layout(tiling, pack_in_phases(graph, chip, tiling), "even"), (1, 1)


def _core_table(packing: Packing, seats: Seats) -> CoreTable:
    parts = packing.parts

    def used(column: np.ndarray) -> Int64:
        total = np.zeros(packing.core_kind.size, np.int64)
        np.add.at(total, parts.core, column)
        return total

    return CoreTable(
        kind=packing.core_kind,
        x=seats.x,
        y=seats.y,
        slot=seats.slot,
        weight_bits_used=used(parts.weight_bits),
        state_bits_used=used(parts.state_bits),
        neurons_used=used(parts.neurons),
        axons_used=used(parts.axons),
        phase=packing.phase,
    )
