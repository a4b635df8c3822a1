"""Energy of clocks, waiting and control, where a chip states it: SNN and ANN pay it alike, each over its own time.

A core in use is clocked at its idle figure every cycle, and in cycles in which it works pays what that takes beyond; routers and
clock tree run on every tile that holds a core in use or a route; all others are gated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synaptile.energy.bill import NO_CORE, Bill
from synaptile.energy.prices import Price, stated_price
from synaptile.energy.tally import Tally
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.hwmodels.power import Switching
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.schedule.timeline import Timeline

NAMES = {CoreKind.SYNAPSE: "synapse core", CoreKind.EC: "ec core"}
WORKING = {kind: f"{name} at work" for kind, name in NAMES.items()}
"""Ops of the bill: a cycle in which a core works, beyond one in which it waits."""

ROUTER_CLOCKED, ROUTER_GATED, CLOCK_TREE = "router clocked", "router gated", "clock tree of a tile"


def switching_prices(chip: Chip) -> dict[str, Price]:
    """Op -> pJ per cycle; empty where the chip states none."""
    power, prices = chip.power, dict[str, Price]()
    if power is None:
        return prices
    for kind, key, section in ((CoreKind.SYNAPSE, "synapse_core", power.synapse_core), (CoreKind.EC, "ec_core", power.ec_core)):
        if section is not None:
            where, above = f"power.{key}", section.busy_pj_per_cycle - section.idle_pj_per_cycle
            prices[clocked(kind)] = stated_price(chip, f"{where}.idle_pj_per_cycle", section.idle_pj_per_cycle)
            prices[gated(kind)] = stated_price(chip, f"{where}.gated_pj_per_cycle", section.gated_pj_per_cycle)
            source = f"beyond idle: {section.busy_pj_per_cycle:g} - {section.idle_pj_per_cycle:g} pJ per cycle; "
            prices[WORKING[kind]] = Price(above, source + chip.origin(f"{where}.busy_pj_per_cycle"))
    prices[ROUTER_CLOCKED] = stated_price(chip, "power.router.idle_pj_per_cycle", power.router.idle_pj_per_cycle)
    prices[ROUTER_GATED] = stated_price(chip, "power.router.gated_pj_per_cycle", power.router.gated_pj_per_cycle)
    prices[CLOCK_TREE] = stated_price(chip, "power.clock_tree_pj_per_cycle", power.clock_tree_pj_per_cycle)
    return prices


def clocked(kind: CoreKind) -> str:
    """Op of the bill: a core in use, for one cycle, at its idle figure."""
    return f"{NAMES[kind]} clocked"


def gated(kind: CoreKind) -> str:
    """Op of the bill: a core that nothing is mapped to, for one cycle."""
    return f"{NAMES[kind]} gated"


def add_switching(tally: Tally, program: CoreProgram, cycles: Int64, busy: Int64) -> None:
    """Add cycles clocked, gated and at work, where the chip prices them; `cycles` has shape (steps,), `busy` (cores, steps)."""
    chip, cores = program.chip, program.cores
    if chip.power is None:
        return
    tiles = program.board[0] * program.board[1] * chip.mesh.tiles
    sections: dict[CoreKind, tuple[Switching | None, int]] = {
        CoreKind.SYNAPSE: (chip.power.synapse_core, chip.mesh.synapse_cores_per_tile),
        CoreKind.EC: (chip.power.ec_core, chip.mesh.ec_cores_per_tile),
    }
    for kind, (section, per_tile) in sections.items():
        if section is None:
            continue
        used = program.seats(kind)
        tally.add(NO_CORE, tally.chip, Role.CORES_IN_USE, clocked(kind), cycles * used)
        tally.add(NO_CORE, tally.chip, Role.IDLE_CORES, gated(kind), cycles * (tiles * per_tile - used))
        tally.add(NO_CORE, tally.chip, Role.CORES_IN_USE, WORKING[kind], busy[cores.kind == kind].sum(axis=0))
    running = tiles_in_use(program)
    tally.add(NO_CORE, tally.chip, Role.ROUTERS, ROUTER_CLOCKED, cycles * running)
    tally.add(
        NO_CORE, tally.chip, Role.ROUTERS, ROUTER_GATED, cycles * (program.board[0] * program.board[1] * chip.routers - running)
    )
    tally.add(NO_CORE, tally.chip, Role.ROUTERS, CLOCK_TREE, cycles * running)


def tiles_in_use(program: CoreProgram) -> int:
    """Routers of tiles that hold a core in use, and those that a route goes through."""
    cores, routes = program.cores, program.routes
    width = program.board[0] * program.chip.mesh.width
    return int(np.unique(np.concatenate([cores.y * width + cores.x, routes.link_from, routes.link_to])).size)


def busy_by_step(timeline: Timeline) -> Int64:
    """Cycles in which each core works, by step, over all images of the stream, shape (cores, steps).

    Raises ConservationError where they are not those that the schedule gives its cores.
    """
    jobs = timeline.jobs
    busy = np.zeros((timeline.program.cores.kind.size, timeline.activity.steps), np.int64)
    np.add.at(busy, (jobs.core, jobs.step), jobs.end_cycles - jobs.start_cycles)
    wrong = np.flatnonzero(busy.sum(axis=1) != timeline.cores.busy)
    if wrong.size:
        core = int(wrong[0])
        raise ConservationError(
            f"core {core}: its jobs take {busy[core].sum():,} cycles, the schedule says it works in {timeline.cores.busy[core]:,}"
        )
    return busy


def control_bill(executed: Bill, chip: Chip) -> Bill | None:
    """What control takes: each operation that was issued, at `power.control_factor` of its own energy; None without one."""
    if chip.power is None or not chip.power.control_factor:
        return None
    factor, origin = chip.power.control_factor, chip.origin("power.control_factor")
    prices = {
        _control(op): Price(None if price.pj is None else factor * price.pj, f"power.control_factor {factor:g} ({origin}) x {op}")
        for op, price in executed.prices.items()
    }
    return replace(executed, ops=tuple(map(_control, executed.ops)), prices=prices)


def _control(op: str) -> str:
    return f"control of {op}"
