"""What traces call cores, links and jobs. No blanks, dots or commas: the names serve in waveforms, SQL and on a command line."""

from __future__ import annotations

from dataclasses import fields

from synaptile.foundation.types import Int32
from synaptile.mapper.board import board_shape
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.schedule.timeline import LinkKind, PhaseTable, Timeline


def tile_name(program: CoreProgram, tile: int) -> str:
    """A tile by its place on the board: x3y4; a router above tiles by its number: router12."""
    width, height = board_shape(program.chip, program.board)
    return f"router{tile}" if tile >= width * height else f"x{tile % width}y{tile // width}"


def core_name(core: int) -> str:
    """A core by its number: core12."""
    return f"core{core}"


def core_kind(program: CoreProgram, core: int) -> str:
    """What a core is: "synapse" or "ec"."""
    return CoreKind(int(program.cores.kind[core])).name.lower()


def link_names(timeline: Timeline) -> tuple[str, ...]:
    """Every link of the timeline: x3y4_to_x4y4 between routers, core12_to_x3y4 and x3y4_to_core12 at a core."""
    program, links = timeline.program, timeline.links

    def end(number: int, is_core: bool) -> str:
        return core_name(number) if is_core else tile_name(program, number)

    return tuple(
        f"{end(source, kind == LinkKind.INJECTION)}_to_{end(target, kind == LinkKind.EJECTION)}"
        for kind, source, target in zip(links.kind.tolist(), links.source.tolist(), links.target.tolist(), strict=True)
    )


def phases_shown(timeline: Timeline, from_cycle: int, to_cycle: int) -> PhaseTable | None:
    """The phases that load or work within a window, None where weights are not streamed."""
    table = timeline.phases
    if table is None:
        return None
    kept = (table.load_start_cycles < to_cycle) & (table.end_cycles > from_cycle)
    return PhaseTable(**{field.name: getattr(table, field.name)[kept] for field in fields(table)})


def job_nodes(timeline: Timeline) -> Int32:
    """Index into the program's node names of each job, shape (jobs,)."""
    nodes: Int32 = timeline.program.parts.node[timeline.jobs.part]
    return nodes
