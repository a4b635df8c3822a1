"""What a run read from a file must be, so that every later stage can rely on it: names, shapes, ranges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Neurons
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.activity import OPS, SYNTHETIC, Activity, SpikeRecord

_Shape = tuple[int | None, ...]
"""Extents of an array; None where any will do."""


def check_activity(activity: Activity) -> None:
    """Raises ValueError, naming the first part of a run that does not fit its program, steps or images."""
    for what, array, shape, kind in _arrays(activity):
        fits = len(shape) == array.ndim and all(want in (None, has) for want, has in zip(shape, array.shape, strict=True))
        if not fits or array.dtype.kind not in kind:
            needed = ", ".join("any" if extent is None else str(extent) for extent in shape)
            raise ValueError(f"{what} is {array.dtype} of shape {array.shape}, needs shape ({needed})")
    table = activity.operations
    if unknown := set(table.roles) - {role.value for role in Role}:
        raise ValueError(f"roles {', '.join(sorted(unknown))} are none that operations have")
    limits = {
        "core": len(activity.program.cores.kind),
        "node": len(activity.program.node_names),
        "role": len(table.roles),
        "op": len(OPS),
    }
    for name, limit in limits.items():
        _in_range(f"operations/{name}", getattr(table, name), limit - 1)
    macs = activity.program.graph.ann_macs
    if tuple(macs) != activity.accounting.nodes:
        raise ValueError("its nodes are not the Linears and products of the graph, in order")
    if activity.accounting.ann_macs.tolist() != list(macs.values()):
        raise ValueError("its MACs of the dense network are not the graph's")
    if set(activity.spikes) != {site.name for site in activity.program.graph.sites}:
        raise ValueError("its spikes are not of the graph's neuron sites")
    for what, counts in (("operations/count", table.count), ("eq30", activity.accounting.eq30)):
        _in_range(what, counts, None)
    if not np.isfinite(activity.logits).all():
        raise ValueError("logits are not finite")
    told = activity.provenance.get(SYNTHETIC)
    if told is not None and not (isinstance(told, dict) and {"source", "seed", "assumptions"} <= set(told)):
        raise ValueError("its provenance does not say what its spikes were drawn from")


def _arrays(activity: Activity) -> Iterator[tuple[str, NDArray[Any], _Shape, str]]:
    """Name, array, the shape it must have and its kinds of number."""
    steps, images, table = activity.steps, activity.images, activity.operations
    classes = None if activity.synthetic is not None else activity.program.graph.readout.width
    yield "logits", activity.logits, (steps, images, classes), "f"
    rows = len(table.count)
    for name in ("core", "node", "role", "op"):
        yield f"operations/{name}", getattr(table, name), (rows,), "i"
    yield "operations/count", table.count, (None, steps), "i"
    counted = activity.accounting
    for name in ("eq30", "released"):
        yield f"accounting/{name}", getattr(counted, name), (len(counted.nodes), steps, images), "i"
    yield "accounting/ann_macs", counted.ann_macs, (len(counted.nodes),), "i"
    for site in activity.program.graph.sites:
        if site.name in activity.spikes:
            yield from _spikes(site, activity.spikes[site.name], steps, images)
    if activity.settled is not None:
        yield "settled", activity.settled, (images,), "i"
    if activity.lengths is not None:
        yield "lengths", activity.lengths, (images,), "i"
    for node in activity.program.graph.of_type(Convolution2d):
        parts = activity.program.parts_of(node.name).size
        yield f"convolutions/{node.name}", activity.convolutions[node.name], (steps, images, parts, 2), "i"
    for name, fetched in activity.fetches.items():
        yield f"fetches/{name}", fetched.rows, (steps, images, activity.program.parts_of(name).size), "i"


def _spikes(site: Neurons, record: SpikeRecord, steps: int, images: int) -> Iterator[tuple[str, NDArray[Any], _Shape, str]]:
    yield f"spikes/{site.name}/bounds", record.bounds, (None,), "i"
    yield f"spikes/{site.name}/events", record.events, (steps, images, site.tokens, len(record.bounds) - 1), "i"
    yield f"spikes/{site.name}/histogram", record.histogram, (steps, 2 * site.n), "i"
    if record.masks is not None:
        kept = min(len(record.masks[0]) if record.masks.ndim > 1 else 0, images)
        yield f"spikes/{site.name}/masks", record.masks, (steps, kept, *site.shape[:-1], -(-site.shape[-1] // 8)), "u"


def _in_range(what: str, values: NDArray[np.integer], most: int | None) -> None:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or (most is not None and high > max(most, 0)):
        raise ValueError(f"{what} holds {low if low < 0 else high}, needs 0 to {most if most is not None else 'more'}")
