"""A run on disk: ``program.map`` (no weights) and ``activity.npz``, versioned and checksummed. No pickle."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.foundation.archive import consistent, read_archive, write_archive
from synaptile.foundation.arguments import expect, expect_path
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.options import Numeric
from synaptile.mapper import CoreProgram, load_program, program_digest, save_program
from synaptile.simulator.activity import Accounting, Activity, OperationTable, RowFetches, SpikeRecord
from synaptile.simulator.check_activity import check_activity

FORMAT = "synaptile-activity"
VERSION = 1
_SPIKES = "spikes/"
_CONVOLUTIONS = "convolutions/"
_FETCHES = "fetches/"
_DEPARTURES = "departures/"


@with_config(ConfigDict(extra="forbid", strict=True))
class Header(TypedDict):
    """What ``activity.npz`` says beside its arrays."""

    program_digest: str
    numeric: Numeric
    steps: Annotated[int, Field(ge=1)]
    images: Annotated[int, Field(ge=0)]
    nodes: list[str]
    roles: list[str]
    sites: dict[str, Annotated[int, Field(ge=0)]]
    provenance: dict[str, Any]
    shared_rows: NotRequired[dict[str, Annotated[list[int], Field(min_length=2, max_length=2)]]]
    """Tokens and steps that share a row, by node; absent in runs of before."""


def save_activity(activity: Activity, directory: str | Path) -> None:
    """Write a run into `directory`, each file atomically; the activity last, so that a directory with one is complete."""
    folder = expect_path(directory, "directory")
    expect(activity, Activity, "activity", "give what execute or synthesise returns")
    save_program(activity.program, folder / "program.map", with_arrays=False)
    header = {
        "program_digest": program_digest(activity.program),
        "numeric": activity.numeric,
        "steps": activity.steps,
        "images": activity.images,
        "nodes": list(activity.accounting.nodes),
        "roles": list(activity.operations.roles),
        "sites": {site: record.neurons for site, record in activity.spikes.items()},
        "provenance": dict(activity.provenance),
        "shared_rows": {node: [fetched.block, fetched.batch] for node, fetched in activity.fetches.items()},
    }
    write_archive(folder / "activity.npz", FORMAT, VERSION, header, _arrays_of(activity))


def load_activity(directory: str | Path) -> Activity:
    """Read a run. Raises FileFormatError where it is missing, cut short, altered, newer, or of another program."""
    folder = expect_path(directory, "directory")
    file = folder / "activity.npz"
    program = load_program(folder / "program.map")
    header, arrays = read_archive(file, FORMAT, VERSION, Header)
    if header["program_digest"] != program_digest(program):
        raise FileFormatError(f"{file}: was recorded on another program than {folder / 'program.map'}: run again")
    with consistent(file):
        activity = _activity(program, header, arrays)
        check_activity(activity)
    return activity


def _activity(program: CoreProgram, header: Header, arrays: dict[str, NDArray[Any]]) -> Activity:
    operations = OperationTable(
        arrays["operations/core"],
        arrays["operations/node"],
        arrays["operations/role"],
        arrays["operations/op"],
        arrays["operations/count"],
        tuple(header["roles"]),
    )
    accounting = Accounting(
        tuple(header["nodes"]), arrays["accounting/eq30"], arrays["accounting/released"], arrays["accounting/ann_macs"]
    )
    spikes = {
        site: SpikeRecord(
            arrays[f"{_SPIKES}{site}/events"].astype(np.int32, casting="same_kind"),
            arrays[f"{_SPIKES}{site}/bounds"],
            arrays[f"{_SPIKES}{site}/histogram"],
            neurons,
            arrays.get(f"{_SPIKES}{site}/masks"),
        )
        for site, neurons in header["sites"].items()
    }
    return Activity(
        program,
        header["numeric"],
        header["steps"],
        header["images"],
        arrays["logits"],
        operations,
        accounting,
        MappingProxyType(spikes),
        MappingProxyType(header["provenance"]),
        arrays.get("settled"),
        MappingProxyType({key.removeprefix(_CONVOLUTIONS): a for key, a in arrays.items() if key.startswith(_CONVOLUTIONS)}),
        arrays.get("lengths"),
        MappingProxyType(
            {
                node: RowFetches(block, batch, arrays[f"{_FETCHES}{node}"])
                for node, (block, batch) in header.get("shared_rows", {}).items()
            }
        ),
        MappingProxyType({key.removeprefix(_DEPARTURES): a for key, a in arrays.items() if key.startswith(_DEPARTURES)}),
    )


def _arrays_of(activity: Activity) -> dict[str, NDArray[Any]]:
    operations, accounting = activity.operations, activity.accounting
    arrays: dict[str, NDArray[Any]] = {
        "logits": activity.logits,
        **{f"operations/{name}": getattr(operations, name) for name in ("core", "node", "role", "op", "count")},
        **{f"accounting/{name}": getattr(accounting, name) for name in ("eq30", "released", "ann_macs")},
    }
    if activity.settled is not None:
        arrays["settled"] = activity.settled
    if activity.lengths is not None:
        arrays["lengths"] = activity.lengths
    arrays |= {f"{_CONVOLUTIONS}{node}": counts for node, counts in activity.convolutions.items()}
    arrays |= {f"{_FETCHES}{node}": fetched.rows for node, fetched in activity.fetches.items()}
    arrays |= {f"{_DEPARTURES}{node}": counts for node, counts in activity.departures.items()}
    for site, record in activity.spikes.items():
        narrow = record.events.max(initial=0) <= np.iinfo(np.uint16).max
        arrays[f"{_SPIKES}{site}/events"] = record.events.astype(np.uint16) if narrow else record.events
        arrays[f"{_SPIKES}{site}/bounds"] = record.bounds
        arrays[f"{_SPIKES}{site}/histogram"] = record.histogram
        if record.masks is not None:
            arrays[f"{_SPIKES}{site}/masks"] = record.masks
    return arrays
