"""Validated schema -> Chip: figures reduced to plain numbers, their origins collected, the whole digested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from synaptile.hwmodels.chip import Area, Chip, ECCore, Leakage, Mesh, NoC, OffChip, SynapseCore
from synaptile.hwmodels.schema import ChipSchema, Figure

PROSE = ("description", "lacks")
"""Keys that describe and do not compute: no part of the digest."""


def resolve(schema: ChipSchema) -> Chip:
    """Reduce a validated chip file to a `Chip`."""
    plain = _plain(schema)
    leakage = {"ec_core_uw": 0.0} | plain["leakage"]
    return Chip(
        name=plain["name"],
        description=plain["description"],
        lacks=tuple(plain["lacks"]),
        process_nm=plain["process_nm"],
        voltage_v=plain["voltage_v"],
        clock_mhz=plain["clock_mhz"],
        mesh=Mesh(**plain["mesh"]),
        synapse_core=SynapseCore(**plain["synapse_core"]),
        ec_core=ECCore(**plain["ec_core"]) if "ec_core" in plain else None,
        noc=NoC(**plain["noc"]),
        synchronisation=plain["synchronisation"],
        barrier_ns=plain.get("barrier_ns", 0.0),
        leakage=Leakage(**leakage),
        off_chip=OffChip(**plain["off_chip"]),
        area=Area(**plain["area"]) if "area" in plain else None,
        operation_pj=plain.get("operation_pj", {}),
        special_functions=plain.get("special_functions", {}),
        sources=dict(_origins(schema, "")),
        digest=_digest(plain),
        weights=plain.get("weights", "resident"),
    )


def _plain(section: BaseModel) -> dict[str, Any]:
    """Nested dictionary of numbers and strings; keys that the file leaves out are left out."""
    result: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Figure):
            result[name] = value.value  # type: ignore[attr-defined]  # every concrete Figure has a value
        elif isinstance(value, BaseModel):
            result[name] = _plain(value)
        elif value is not None:
            result[name] = value
    return result


def _origins(section: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Figure):
            yield prefix + name, value.origin
        elif isinstance(value, BaseModel):
            yield from _origins(value, f"{prefix}{name}.")


def _digest(plain: dict[str, Any]) -> str:
    computing = {key: value for key, value in plain.items() if key not in PROSE}
    canonical = json.dumps(computing, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
