"""Figures of a schedule: load of links on the mesh, what cores did over time, where their cycles went."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import Normalize, to_rgb, to_rgba
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from synaptile.foundation.errors import InputError
from synaptile.mapper.board import board_shape
from synaptile.report.canvas import blank, save
from synaptile.report.trace.aggregate import busy_by_node
from synaptile.report.trace.names import core_kind, core_name
from synaptile.report.trace.window import Selection, Window, select
from synaptile.simulator.schedule.timeline import LinkKind, Timeline

MOST_ROWS = 40
"""Rows of a timeline figure."""

BINS = 600
"""Columns of a timeline figure."""

MOST_COLOURS = 12
"""Groups that a timeline figure tells apart; the others share one grey."""

_COLOURS = "YlOrRd"
_SHARES = {
    "busy": ("busy", "#0072B2"),
    "stalled_input": ("no input yet", "#E69F00"),
    "stalled_network": ("network", "#D55E00"),
    "idle": ("idle", "#e6e6e6"),
}
_OTHERS = "#999999"


def link_heat_map(timeline: Timeline, stem: str | Path) -> tuple[Path, Path]:
    """Draw the board with every link coloured by its busy share to ``<stem>.png`` and ``<stem>.svg``; returns both paths.

    The two directions of a link lie side by side, each on the right of its way. A tile's square shows the busier of the links
    between its cores and its router. Links that carried nothing are left grey; heavy lines part the chips.
    """
    program = timeline.program
    mesh = program.chip.mesh
    width, height = board_shape(program.chip, program.board)
    unit = max(0.16, min(0.55, 9.0 / max(width, height)))
    figure, axes = blank(max(unit * width + 1.9, 4.2), max(unit * height + 1.1, 3.0))
    share = timeline.links.busy_cycles / max(timeline.makespan_cycles, 1)
    top = max(float(share.max(initial=0.0)), 1e-9)
    scale = ScalarMappable(Normalize(0, 100 * top), _COLOURS)
    for x in range(0, width + 1, mesh.width):
        axes.plot([x - 0.5] * 2, [-0.5, height - 0.5], color="#444444", linewidth=1.4, zorder=1)
    for y in range(0, height + 1, mesh.height):
        axes.plot([-0.5, width - 0.5], [y - 0.5] * 2, color="#444444", linewidth=1.4, zorder=1)
    tiles = np.zeros(width * height)
    links = timeline.links
    ends = np.where(links.kind == LinkKind.INJECTION, links.target, links.source)
    at_core = links.kind != LinkKind.MESH
    np.maximum.at(tiles, ends[at_core], share[at_core])
    squares = [Rectangle((tile % width - 0.22, tile // width - 0.22), 0.44, 0.44) for tile in range(width * height)]
    colours = np.where(tiles[:, None] > 0, scale.to_rgba(100 * tiles), to_rgba("#f2f2f2"))
    axes.add_collection(PatchCollection(squares, facecolor=colours, edgecolor="#888888", linewidth=0.4, zorder=3))
    axes.add_collection(LineCollection(_idle_segments(width, height), colors="#e4e4e4", linewidths=0.8, zorder=2))
    on_floor = np.maximum(links.source, links.target) < width * height  # routers of a tree have no place there
    mesh_links = np.flatnonzero((links.kind == LinkKind.MESH) & on_floor)
    order = mesh_links[np.argsort(share[mesh_links], kind="stable")]
    source, target = links.source[order], links.target[order]
    segments = _segments(np.stack([source % width, source // width], 1), np.stack([target % width, target // width], 1))
    colours = scale.to_rgba(100 * share[order])
    axes.add_collection(LineCollection(list(segments), colors=colours, linewidths=max(1.2, 5 * unit), zorder=4))
    axes.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6), aspect="equal", anchor="W", xlabel="tile x", ylabel="tile y")
    axes.set_xticks(range(0, width, max(1, -(-width // 12))))
    axes.set_yticks(range(0, height, max(1, -(-height // 12))))
    axes.tick_params(length=0, labelsize=8)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"Links of {program.chip.name}, {program.graph.name}", loc="left", fontsize=10)
    figure.colorbar(scale, ax=axes, label="busy, % of the makespan", pad=0.02, shrink=0.9)
    return save(figure, stem, timeline.activity)


def timeline_figure(
    timeline: Timeline, stem: str | Path, *, by: str = "kind", rows: str = "all", window: Window | None = None
) -> tuple[Path, Path]:
    """Draw when cores worked on what to ``<stem>.png`` and ``<stem>.svg``; returns both paths.

    `rows` is "all", every core that works within the window, several of consecutive numbers to a row where there are more than
    MOST_ROWS; or "busiest", one row per core for the MOST_ROWS busiest. A spot's colour is the group that took most of its time,
    and as strong as the cores were busy. `by` groups nodes by "kind" or by "layer". Raises InputError for other words.
    """
    groups = _groups(timeline, by)
    selection = select(timeline, window)
    place, labels, members = _rows(timeline, selection, rows)
    span = max(selection.to_cycle - selection.from_cycle, 1)
    edges = np.unique(selection.from_cycle + span * np.arange(BINS + 1, dtype=np.int64) // BINS)
    cycles, nodes = busy_by_node(timeline, selection, edges, place)
    worked = cycles.any(axis=(0, 2))
    cycles, nodes = cycles[:, worked], nodes[worked]
    of_node = np.array([groups[node] for node in nodes.tolist()], dtype=object)
    names = sorted(set(of_node), key=lambda name: -cycles[:, of_node == name].sum())
    stacked = np.stack([cycles[:, of_node == name].sum(axis=1) for name in names], axis=1)
    palette = _palette(names)
    colours = np.array([to_rgb(palette[name]) for name in names])
    share = stacked.sum(axis=1) / (np.diff(edges) * members[:, None])
    picture = 1 - np.clip(share, 0, 1)[..., None] ** 0.5 * (1 - colours[stacked.argmax(axis=1)])
    figure, axes = blank(11.5, 1.4 + 0.17 * max(len(labels), 8))
    unit, per_ms = ("ms", 1.0) if timeline.milliseconds(span) >= 1 else ("us", 1e3)
    begin, end = (per_ms * timeline.milliseconds(cycle) for cycle in (selection.from_cycle, selection.to_cycle))
    axes.imshow(picture, aspect="auto", interpolation="nearest", extent=(begin, end, len(labels) - 0.5, -0.5))
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"time in {unit} ({timeline.clock_mhz:g} MHz)")
    shown = f"{'the ' if rows == 'busiest' else ''}{int(members.sum())} {'busiest ' if rows == 'busiest' else ''}cores"
    axes.set_title(f"{timeline.program.graph.name} on {timeline.program.chip.name}: {shown}", loc="left", fontsize=10)
    _mark_steps(
        axes, [per_ms * timeline.milliseconds(cycle) for cycle in timeline.step_end_cycles.reshape(-1).tolist()], begin, end
    )
    _mark_phases(axes, timeline, per_ms, (begin, end), len(labels))
    handles = [Patch(color=palette[name], label=name) for name in names[:MOST_COLOURS]]
    if len(names) > MOST_COLOURS:
        handles.append(Patch(color=_OTHERS, label=f"{len(names) - MOST_COLOURS} others"))
    axes.legend(handles=handles, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.005, 1.0))
    return save(figure, stem, timeline.activity)


def _mark_phases(axes: Axes, timeline: Timeline, per_ms: float, shown: tuple[float, float], rows: int) -> None:
    """Two lanes above the cores: weights that load, and phases at work, neighbours in two shades."""
    table = timeline.phases
    if table is None:
        return
    tall = max(1.0, rows / 40)
    lanes = (
        ("weights in", table.load_start_cycles, table.load_end_cycles, ("#D55E00", "#f0b48a")),
        ("phases", table.start_cycles, table.end_cycles, ("#0072B2", "#8cc4e6")),
    )
    ticks, labels = list(axes.get_yticks()), [label.get_text() for label in axes.get_yticklabels()]
    for lane, (name, start, end, shades) in enumerate(lanes):
        top = -0.5 - tall * (1.25 * (len(lanes) - lane))
        spans = [
            (per_ms * timeline.milliseconds(first), per_ms * timeline.milliseconds(last - first))
            for first, last in zip(start.tolist(), end.tolist(), strict=True)
        ]
        axes.broken_barh(spans, (top, tall), facecolors=[shades[phase % 2] for phase in table.phase.tolist()], linewidth=0)
        ticks.append(top + tall / 2)
        labels.append(name)
    axes.set_yticks(ticks, labels, fontsize=7)
    axes.set(xlim=shown, ylim=(rows - 0.5, -0.5 - tall * 1.25 * len(lanes)))


def core_use_figure(timeline: Timeline, stem: str | Path) -> tuple[Path, Path]:
    """Draw where the cycles of every core went, the busiest first, to ``<stem>.png`` and ``<stem>.svg``; returns both paths."""
    cores = timeline.cores
    order = np.lexsort((np.arange(len(cores.busy)), -cores.stalled_input - cores.stalled_network, -cores.busy))
    figure, axes = blank(9.0, 4.0)
    edges = np.arange(order.size + 1) + 0.5
    below = np.zeros(order.size)
    for name, (label, colour) in _SHARES.items():
        height = below + 100 * getattr(cores, name)[order] / max(timeline.makespan_cycles, 1)
        axes.stairs(height, edges, baseline=below, fill=True, color=colour, label=label, linewidth=0)
        below = height
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 100), xlabel="cores, the busiest first", ylabel="% of the makespan")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    mean = 100 * float(np.mean(cores.busy)) / max(timeline.makespan_cycles, 1)
    title = f"{timeline.program.graph.name} on {timeline.program.chip.name}: {order.size:,} cores, busy {mean:.1f} % on average"
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.005, 1.0))
    return save(figure, stem, timeline.activity)


def _rows(timeline: Timeline, selection: Selection, rows: str) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Row of each core (-1 for none), the rows' labels, and how many cores each holds."""
    jobs, chosen = timeline.jobs, selection.jobs
    busy = np.bincount(jobs.core[chosen], (jobs.end_cycles - jobs.start_cycles)[chosen], len(timeline.program.cores.kind))
    if rows == "busiest":
        working = np.lexsort((np.arange(busy.size), -busy))[:MOST_ROWS]
        working = np.sort(working[busy[working] > 0])
    elif rows == "all":
        working = np.flatnonzero(busy)
    else:
        raise InputError(f"rows are 'all' cores or the 'busiest', not {rows!r}")
    if not working.size:
        raise InputError("no core of the window was busy for a cycle: widen it")
    bundles = np.array_split(working, min(MOST_ROWS, working.size))
    place = np.full(busy.size, -1, np.int64)
    labels = []
    for row, bundle in enumerate(bundles):
        place[bundle] = row
        first = core_name(int(bundle[0]))
        labels.append(f"{first}-{bundle[-1]}" if bundle.size > 1 else f"{first} {core_kind(timeline.program, int(bundle[0]))}")
    return place, labels, np.array([bundle.size for bundle in bundles])


def _groups(timeline: Timeline, by: str) -> list[str]:
    """What each node of the program counts as: its kind (the function of an EC unit), or its layer."""
    names, nodes = timeline.program.node_names, timeline.program.graph.nodes
    if by == "kind":
        return [str(getattr(nodes[name], "function", nodes[name].kind)) for name in names]
    if by == "layer":
        return [".".join(name.split(".")[:2]) if name.startswith("blocks.") else name for name in names]
    raise InputError(f"nodes are grouped by 'kind' or by 'layer', not by {by!r}")


def _palette(names: list[str]) -> dict[str, str]:
    """A colour a group: the first MOST_COLOURS their own, the others grey."""
    colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8c6bb1", "#b8a100"]
    colours += ["#7f3b08", "#1b9e77", "#a50026", "#4d4d4d"]
    return {name: colours[at] if at < MOST_COLOURS else _OTHERS for at, name in enumerate(names)}


def _mark_steps(axes: Axes, times: list[float], begin: float, end: float) -> None:
    """Dashed lines where the logits of each step of each image were read out, as long as they can be told apart."""
    if len(times) <= MOST_ROWS:
        for time in times:
            if begin <= time < end:
                axes.axvline(time, color="#333333", linewidth=0.6, linestyle=(0, (3, 3)))


def _segments(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """From edge to edge of two tiles' squares, shifted to the right of the way; shape (links, 2, 2)."""
    way = np.sign(target - source)
    right = np.stack([-way[:, 1], way[:, 0]], axis=1) * 0.1
    return np.stack([source + 0.24 * way + right, target - 0.24 * way + right], axis=1)


def _idle_segments(width: int, height: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    across = [((x + 0.22, float(y)), (x + 0.78, float(y))) for x in range(width - 1) for y in range(height)]
    down = [((float(x), y + 0.22), (float(x), y + 0.78)) for x in range(width) for y in range(height - 1)]
    return across + down
