"""import_sanafe: an architecture of SANA-FE as a chip.

What each of its events is here was measured with SANA-FE 2.2.9 (`docs/import.md`): ``energy_process_spike`` and a dendrite's
``energy_update`` per synaptic event; ``energy_access_neuron`` per mapped neuron and step, ``energy_update_neuron`` on top for one
with an input or a membrane, ``energy_spike_out`` per spike; messages per spike and receiving core; hops by direction, north being
towards greater rows. A cost of 0 is taken as not modelled: nothing is free because a file is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from synaptile.foundation.documents import FileKind, nearest, read_mapping, validated
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.foreign.imported import Draft, ImportedChip, in_units
from synaptile.hwmodels.foreign.sanafe_form import Architecture, ArchitectureFile, Attributes, Core, Named, Tile, Unit
from synaptile.hwmodels.load import as_chip

KIND = FileKind("architecture of SANA-FE", error=ChipError, integer_keys=True)
PJ, NS = 1e12, 1e9
UNITS = ("axon_in", "synapse", "dendrite", "soma", "axon_out")
FORMATS = {"dense_synapse": "step_times.dense_synop_ns", "convolution_synapse": "step_times.convolution_synop_ns"}
"""Synapses beside the one of every synaptic event, which give the time of a storage format."""
WAYS = ("east", "west", "north", "south")

N = TypeVar("N", bound=Named)


Silent: TypeAlias = Literal["updated", "accessed"]
"""What a silent neuron costs, between two bounds: as one with an input or a membrane, or as one with neither."""


def import_sanafe(
    file: str | Path, base: str | Path = "loihi", *, units: Mapping[str, str] | None = None, silent: Silent = "updated"
) -> ImportedChip:
    """The chip of an architecture file of SANA-FE: `base` with what the file states.

    A chip here has one kind of tile, core and unit: `units` chooses among several by name, ``{"soma": "demo_soma_alt"}``; keys
    are tile, core, axon_in, synapse, dendrite, soma, axon_out, and dense_synapse and convolution_synapse, whose times are those
    of these storage formats. Not chosen, the first is taken that is not for inputs. A chip here has one price for a neuron that
    does not fire, and `silent` says which of the file's.

    Raises ChipError for a file that is no such architecture (unknown keys included), for tiles or cores of several kinds without
    a choice, for a choice that is not there, and for figures that contradict those of `base`.
    """
    label, below = str(file)[:200], as_chip(base)
    architecture = validated(ArchitectureFile, read_mapping(file, KIND), label, ChipError).architecture
    choice = _Choice(label, dict(units or {}))
    draft = Draft(Path(file).name)
    tile = choice.alike("tile", architecture.tile)
    core = choice.alike("core", tile.core)
    taken = {kind: choice.unit(kind, getattr(core, kind), draft) for kind in UNITS}
    formats = {kind: choice.named(kind, core.synapse) for kind in FORMATS if kind in choice.given}
    _mesh(draft, architecture, tile, core, label)
    _hops(draft, tile)
    _messages(draft, taken)
    _operations(draft, taken, silent)
    _time(draft, tile, taken, formats, below)
    _barrier(draft, architecture, below, label)
    draft.leave("(nowhere)", f"leakage, memories, words, DRAM and area: SANA-FE has none; those of {below.name} stay")
    return draft.chip(base, architecture.name, f"Architecture {architecture.name!r} of SANA-FE")


Taken = Mapping[str, Unit[Any] | None]


@dataclass(frozen=True)
class _Choice:
    """Which of several kinds is taken."""

    label: str
    given: Mapping[str, str]

    def __post_init__(self) -> None:
        known = ("tile", "core", *UNITS, *FORMATS)
        if wrong := [kind for kind in self.given if kind not in known]:
            raise ChipError(f"{self.label}: units names {wrong[0]!r}: {nearest(wrong[0], known)}")

    def alike(self, kind: str, entries: Sequence[N]) -> N:
        """The one kind of tile or core. Raises ChipError where there are several and none is chosen."""
        if kind in self.given:
            return self.named(kind, entries)
        for entry in entries:
            if _costs(entry) != _costs(entries[0]):
                both = f"{entries[0].plain!r} and {entry.plain!r} differ, a chip here has one kind of {kind}"
                raise ChipError(f"{self.label}: {kind}: {both}: choose, units={{{kind!r}: {entry.plain!r}}}")
        return entries[0]

    def unit(self, kind: str, entries: Sequence[Unit[Any]], draft: Draft) -> Unit[Any] | None:
        """The unit of a kind, None without any; what the others cost, and what it says beside its costs, is left out."""
        real = [entry for entry in entries if entry.attributes.model != "input"] or entries
        taken = self.named(kind, entries) if kind in self.given else next(iter(real), None)
        for entry in entries:
            if taken is not None and _costs(entry) != _costs(taken) and entry.plain not in self.given.values():
                why = (
                    "is for inputs, which come from off the chip" if entry.attributes.model == "input" else "costs something else"
                )
                draft.leave(f"{kind} {entry.plain}", f"{why}; {taken.plain} is taken")
        for key, value in _beside_costs(taken):
            draft.leave(f"{kind} {taken.plain if taken else ''}.{key}", f"is {value}: what neurons do, the network says here")
        return taken

    def named(self, kind: str, entries: Sequence[N]) -> N:
        """The one chosen. Raises ChipError where it is not there."""
        name, known = self.given[kind], [entry.plain for entry in entries]
        if name not in known:
            raise ChipError(f"{self.label}: units chooses {kind} {name!r}: {nearest(name, known)}")
        return entries[known.index(name)]


def _mesh(draft: Draft, architecture: Architecture, tile: Tile, core: Core, label: str) -> None:
    """Tiles, cores, neurons."""
    for kind in (*architecture.tile, *tile.core):
        if not kind.count:
            raise ChipError(f"{label}: {kind.name!r} counts from its last to its first: turn the range around")
    mesh, tiles = architecture.attributes, sum(entry.count for entry in architecture.tile)
    whole = mesh.width * mesh.height
    if tiles > whole:
        raise ChipError(f"{label}: {tiles} tiles on a mesh of {mesh.width} x {mesh.height}: enlarge it")
    if tiles < whole:
        draft.leave("architecture.tile", f"names {tiles} tiles; the mesh has room for {whole}, and all are taken")
    others = [entry.plain for entry in architecture.tile if _costs(entry) != _costs(tile)]
    others += [entry.plain for entry in tile.core if _costs(entry) != _costs(core)]
    for name in others:
        draft.leave(name, f"is of another kind than {tile.plain}, {core.plain}; as many of these stand in its place")
    draft.figure("mesh.width", mesh.width, "architecture.width")
    draft.figure("mesh.height", mesh.height, "architecture.height")
    draft.figure("mesh.synapse_cores_per_tile", sum(entry.count for entry in tile.core), f"{tile.plain}.core")
    if core.attributes.max_neurons_supported is not None:
        draft.figure("synapse_core.max_neurons", core.attributes.max_neurons_supported, f"{core.plain}.max_neurons_supported")
    if core.attributes.buffer_position is not None:
        where = f"is {core.attributes.buffer_position}: step_times.receives_beside_sweep says when a core receives"
        draft.leave(f"{core.plain}.buffer_position", where)


def _hops(draft: Draft, tile: Tile) -> None:
    """What a flit takes over a link: one figure where all directions are alike."""
    found = {way: getattr(tile.attributes, f"energy_{way}_hop") for way in WAYS}
    energies = {way: in_units(energy, PJ) for way, energy in found.items() if energy is not None}
    if len(energies) < len(found) or not any(energies.values()):
        draft.leave(f"{tile.plain}.energy_*_hop", "is missing, or 0 in all directions: a hop costs what it does below")
        return
    mean = in_units(float(np.mean(list(energies.values()))), 1)
    draft.figure("noc.energy_pj_per_flit_hop", mean, f"{tile.plain}.energy_*_hop, mean of the directions")
    if len(set(energies.values())) > 1:
        for way, pj in energies.items():
            draft.figure(f"noc.hops.{way}_pj", pj, f"{tile.plain}.energy_{way}_hop")
    else:
        draft.state("noc.hops", None, f"{tile.plain}.energy_*_hop are alike")


def _messages(draft: Draft, taken: Taken) -> None:
    """Each spike is a message of its own to each receiving core."""
    way = "a packet per spike and receiving core"
    for name, value in {"messages": "spike", "spike_format": "aer", "multicast": False, "flow_control": "unbounded"}.items():
        draft.state(f"noc.{name}", value, way)
    draft.state("noc.packet_flits", None, way)
    draft.state("noc.tile_pj_per_flit", None, "no hop within a tile")
    _energy(draft, "noc.injection_pj_per_flit", [(taken["axon_out"], "energy_message_out")])
    _energy(draft, "noc.ejection_pj_per_flit", [(taken["axon_in"], "energy_message_in")])


def _operations(draft: Draft, taken: Taken, silent: Silent) -> None:
    """Synaptic events, with the memory in them, and updates of neurons."""
    soma, event = taken["soma"], [(taken["synapse"], "energy_process_spike"), (taken["dendrite"], "energy_update")]
    if _energy(draft, "operation_pj.ac.int8", event):
        draft.state("synapse_core.memory_in_ac", True, "a synaptic event holds its memory")
    access, update = (soma, "energy_access_neuron"), (soma, "energy_update_neuron")
    if _energy(draft, "operation_pj.neuron_update_inactive.int8", [access, update] if silent == "updated" else [access]):
        _energy(draft, "operation_pj.neuron_update_active.int8", [access, update, (soma, "energy_spike_out")])
        if soma is not None and soma.attributes.energy_update_neuron:
            pj = f"{in_units(soma.attributes.energy_update_neuron, PJ):g} pJ of a silent neuron"
            with_, without = ("with an input or a membrane", "with neither")
            told = f"{pj} {without} are billed too" if silent == "updated" else f"{pj} {with_} are not billed"
            draft.leave(f"{soma.plain}.energy_update_neuron", told)


def _time(draft: Draft, tile: Tile, taken: Taken, formats: Mapping[str, Unit[Any]], below: Chip) -> None:
    """What cores and hops take, where the file models time."""
    soma, synapse, dendrite = taken["soma"], taken["synapse"], taken["dendrite"]
    sweep, sweep_at = _sum([(soma, "latency_access_neuron"), (soma, "latency_update_neuron")])
    event, event_at = _sum([(synapse, "latency_process_spike"), (dendrite, "latency_update")])
    if not sweep or not event:
        draft.leave("latency_*", f"is missing or 0 for neurons or synapses: the times of {below.name} stay")
        return
    draft.figure("step_times.compartment_ns", in_units(sweep, NS), sweep_at)
    draft.figure("step_times.sparse_synop_ns", in_units(event, NS), event_at)
    for name, kind, key in (
        ("spike_ns", "soma", "latency_spike_out"),
        ("message_out_ns", "axon_out", "latency_message_out"),
        ("message_in_ns", "axon_in", "latency_message_in"),
    ):
        seconds, place = _sum([(taken[kind], key)])
        draft.figure(f"step_times.{name}", in_units(seconds, NS), place or f"{kind} has no {key}")
    for kind, figure in FORMATS.items():
        seconds, place = _sum([(formats.get(kind), "latency_process_spike"), (dendrite, "latency_update")])
        if kind in formats and seconds:
            draft.figure(figure, in_units(seconds, NS), place)
        else:
            draft.state(figure, None, f"no {kind} is chosen")
            draft.state(
                f"step_times.{kind.partition('_')[0].replace('dense', 'linear')}_format", "sparse", f"no {kind} is chosen"
            )
    for axis, one, other in (("x", "east", "west"), ("y", "north", "south")):
        seconds_of = {way: getattr(tile.attributes, f"latency_{way}_hop") or 0.0 for way in (one, other)}
        slower = max(seconds_of, key=lambda way: seconds_of[way])
        draft.figure(f"step_times.hop_{axis}_ns", in_units(seconds_of[slower], NS), f"{tile.plain}.latency_{slower}_hop")
        if seconds_of[one] != seconds_of[other]:
            draft.leave(f"{tile.plain}.latency_{one}_hop and {other}", f"differ: both take as long as {slower}")
    if below.step_times is None:
        draft.state("step_times.receives_beside_sweep", False, "docs/import.md")


def _barrier(draft: Draft, architecture: Architecture, below: Chip, label: str) -> None:
    """How long all cores wait for one another, fixed or by tiles in use; and the room of a buffer."""
    attributes, place = architecture.attributes, "architecture.latency_sync"
    draft.state("synchronisation", "barrier", "all cores end a step together")
    times = "step_times" in draft.document or below.step_times is not None
    if attributes.link_buffer_size is not None and times:
        draft.figure("step_times.buffer_messages", attributes.link_buffer_size, "architecture.link_buffer_size")
    given = attributes.latency_sync
    if given is not None and isinstance(given, dict) != (attributes.sync_model == "table"):
        wanted = "a table {tiles: seconds}" if attributes.sync_model == "table" else "seconds"
        raise ChipError(f"{label}: latency_sync: sync_model is {attributes.sync_model}, which takes {wanted}: write that")
    if not given:
        if below.synchronisation != "barrier":
            raise ChipError(
                f"{label}: latency_sync is missing or 0, and {below.name} has no barrier: give it, or take another base"
            )
        draft.leave(place, "is missing or 0: the barrier stays as below")
        return
    table = given if isinstance(given, dict) else {"1": given}
    if wrong := [key for key in table if not key.isdecimal() or not 1 <= int(key) <= 1 << 20]:
        raise ChipError(f"{label}: latency_sync has an entry for {wrong[0]!r} tiles: write a whole number from 1 on")
    tiles = sorted(map(int, table))
    ns = [in_units(table[key], NS) for key in sorted(table, key=int)]
    draft.figure("barrier_ns", max(ns), place)
    stated = below.step_times.barrier_ns if below.step_times is not None else {}
    if times and (stated or len(tiles) > 1):  # those of the chip below would stay beside ours: they get our values
        for count in sorted({*tiles, *map(int, stated)}):
            draft.figure(
                f"step_times.barrier_ns.{count}", in_units(float(np.interp(count, tiles, ns)), 1), f"{place}, {count} tiles"
            )


def _energy(draft: Draft, figure: str, parts: Sequence[tuple[Unit[Any] | None, str]]) -> bool:
    """State a price that is the sum of costs of units, if the file has any of them."""
    joules, place = _sum(parts)
    if joules:
        draft.figure(figure, in_units(joules, PJ), place)
    else:
        draft.leave(" + ".join(key for _, key in parts), f"is missing or 0: {figure} stays as below")
    return joules > 0


def _sum(parts: Sequence[tuple[Unit[Any] | None, str]]) -> tuple[float, str]:
    """Costs of units together, and where they stand."""
    found = [(getattr(unit.attributes, key), f"{unit.plain}.{key}") for unit, key in parts if unit is not None]
    given = [(cost, place) for cost, place in found if cost]
    return sum(cost for cost, _ in given), " + ".join(place for _, place in given)


def _costs(entry: Named) -> dict[str, Any]:
    """All that an entry says but its name."""
    found: dict[str, Any] = entry.model_dump(exclude={"name"})
    return found


def _beside_costs(unit: Unit[Any] | None) -> Iterator[tuple[str, object]]:
    """What a unit says that is no cost."""
    for key in (*Attributes.model_fields, "noise_bits") if unit is not None else ():
        value = getattr(unit.attributes, key, None) if unit is not None else None
        if value is not None and not key.startswith("log_"):
            yield key, value
