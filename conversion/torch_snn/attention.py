"""Attention: products of matrices of spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from synaptile.conversion.graph import Port, SpikeAttention
from synaptile.conversion.graph.trained import Axis
from synaptile.conversion.torch_snn.forms import Half, made, numbers_of, run_of
from synaptile.conversion.torch_snn.places import Origin, Places, Run
from synaptile.foundation.types import Int64


def matrices(run: Run, a: Any, b: Any) -> Places:
    """A product of matrices of spikes: a half of attention, or, with a half, the whole."""
    if not (isinstance(a, Places) and isinstance(b, Places)):
        raise run.refuse("multiplies a matrix that is no stream: write it as a Linear")
    steps, left = numbers_of(a)
    _, right = numbers_of(b)
    shape = (*torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    if not (a.origin.waiting or b.origin.waiting):
        (first, first_rows), (second, second_rows) = (spike_matrix(run, v, own) for v, own in ((a, left), (b, right)))
        by_position = "positions" in first_rows and "depth" in second_rows
        if not by_position and not ("depth" in first_rows and "positions" in second_rows):
            raise run.refuse("multiplies two matrices of spikes over an axis that they do not share: needs Q K^T or K^T V")
        positions, depth = (a.shape[-2], a.shape[-1]) if by_position else (a.shape[-1], a.shape[-2])
        heads = left.size // (positions * depth)
        half = Half("map" if by_position else "state", first, second, heads, depth, positions)
        inner = heads * a.shape[-2] * b.shape[-1]
        return made(a, steps, Origin((first.node,), inner, False, a.origin.timed, half), np.arange(inner), shape)
    half, whole, own = (a.origin.waiting, b, right) if isinstance(a.origin.waiting, Half) else (b.origin.waiting, a, left)
    order = numbers_of(a if whole is b else b)[1]
    port, rows = spike_matrix(run, whole, own) if not whole.origin.waiting else (None, frozenset())
    fits = isinstance(half, Half) and (half.form == "map") == (whole is b) and (order == np.arange(order.size)).all()
    if not isinstance(half, Half) or not fits or port is None or "positions" not in rows:
        raise run.refuse("a product of products of spikes is not Q K^T V: needs (Q K^T) V or Q (K^T V)")
    if half.form == "map":
        ports, order_name = (half.left, port, half.right), "qk"
    else:
        ports, order_name = (port, half.left, half.right), "kv"
    size = half.heads * half.depth * half.positions
    node = SpikeAttention(
        f"{run.where}.attention",
        ports,
        (1, size),
        "sv",
        half.heads,
        half.positions,
        half.depth * half.positions,
        "sum",
        half.depth,
        half.scale,
        order_name,  # type: ignore[arg-type]
    )
    name = run.builder.add(node, run.builder.planes[port.node])
    laid = np.arange(size).reshape(half.heads, half.depth, half.positions).transpose(0, 2, 1)
    return made(a, steps, Origin((name,), size, False, a.origin.timed), laid, shape)


def spike_matrix(run: Run, value: Places, numbers: Int64) -> tuple[Port, frozenset[Axis]]:
    """What a matrix of spikes per head takes of a site, and what its rows are: either, where there is one of them."""
    if not value.origin.spikes or len(value.origin.nodes) > 1:
        raise run.refuse(f"attention reads {value.origin.nodes[0]!r}, which is no single site of spikes: put neurons in front")
    port = run_of(run, value.origin.nodes[0], numbers)
    table = numbers.reshape(-1, *value.shape[-2:]) - port.start
    counted = np.arange(table.size)
    rows: list[Axis] = []
    if (table.transpose(0, 2, 1).reshape(-1) == counted).all():
        rows.append("positions")
    if (table.reshape(-1) == counted).all():
        rows.append("depth")
    if rows:
        return port, frozenset(rows)
    raise run.refuse(f"attention reads {port.node!r} in an order that is not heads, channels, positions")
