"""A run on disk: ``program.map`` (no weights) and ``activity.npz``, versioned and checksummed. No pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.digest import digest_of
from foundation.errors import FileFormatError
from foundation.files import atomic_path
from mapper import load_program, program_digest, save_program
from simulator.activity import Accounting, Activity, OperationTable, SpikeRecord

FORMAT = "synaptile-activity"
VERSION = 1
_SPIKES = "spikes/"


def save_activity(activity: Activity, directory: str | Path) -> None:
    """Write a run into `directory`, each file atomically; the activity last, so that a directory with one is complete."""
    folder = Path(directory)
    save_program(activity.program, folder / "program.map", with_arrays=False)
    arrays = _arrays_of(activity)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "program_digest": program_digest(activity.program),
        "numeric": activity.numeric,
        "steps": activity.steps,
        "images": activity.images,
        "nodes": list(activity.accounting.nodes),
        "roles": list(activity.operations.roles),
        "sites": {site: record.neurons for site, record in activity.spikes.items()},
        "provenance": dict(activity.provenance),
    }
    header["digest"] = digest_of(header, arrays)
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    with atomic_path(folder / "activity.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, header=text, **arrays)


def load_activity(directory: str | Path) -> Activity:
    """Read a run. Raises FileFormatError where it is missing, cut short, altered, newer, or of another program."""
    folder = Path(directory)
    file = folder / "activity.npz"
    program = load_program(folder / "program.map")
    header, arrays = _read(file)
    recorded = header.pop("digest", "")
    if digest_of(header, arrays) != recorded:
        raise FileFormatError(f"{file}: content does not match its digest: the file was altered; run again")
    if header["program_digest"] != program_digest(program):
        raise FileFormatError(f"{file}: was recorded on another program than {folder / 'program.map'}: run again")
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
            arrays[f"{_SPIKES}{site}/events"].astype(np.int32),
            arrays[f"{_SPIKES}{site}/bounds"],
            arrays[f"{_SPIKES}{site}/histogram"],
            int(neurons),
        )
        for site, neurons in header["sites"].items()
    }
    return Activity(
        program,
        str(header["numeric"]),
        int(header["steps"]),
        int(header["images"]),
        arrays["logits"],
        operations,
        accounting,
        MappingProxyType(spikes),
        MappingProxyType(header["provenance"]),
    )


def _arrays_of(activity: Activity) -> dict[str, NDArray[Any]]:
    operations, accounting = activity.operations, activity.accounting
    arrays: dict[str, NDArray[Any]] = {
        "logits": activity.logits,
        **{f"operations/{name}": getattr(operations, name) for name in ("core", "node", "role", "op", "count")},
        **{f"accounting/{name}": getattr(accounting, name) for name in ("eq30", "released", "ann_macs")},
    }
    for site, record in activity.spikes.items():
        narrow = record.events.max(initial=0) <= np.iinfo(np.uint16).max
        arrays[f"{_SPIKES}{site}/events"] = record.events.astype(np.uint16) if narrow else record.events
        arrays[f"{_SPIKES}{site}/bounds"] = record.bounds
        arrays[f"{_SPIKES}{site}/histogram"] = record.histogram
    return arrays


def _read(file: Path) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]]:
    if not file.is_file():
        raise FileFormatError(f"{file}: no such run; `synaptile run` writes one")
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(bytes(arrays.pop("header")).decode())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise FileFormatError(f"{file}: not a readable activity (cut short, altered or of another kind): {error}") from error
    except Exception as error:  # zlib.error and struct.error have no common base
        raise FileFormatError(f"{file}: damaged: {error}") from error
    if header.get("format") != FORMAT:
        raise FileFormatError(f"{file}: is a {header.get('format')} file, needs {FORMAT}")
    if not isinstance(header.get("version"), int) or header["version"] > VERSION:
        raise FileFormatError(f"{file}: {FORMAT} version {header.get('version')}, this Synaptile reads up to {VERSION}: upgrade")
    return header, arrays
