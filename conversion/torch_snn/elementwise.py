"""Sums, products and scales, element by element: of spikes they stay spikes where they can."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch

from synaptile.conversion.graph import Add, Mask, SpikeAttention
from synaptile.conversion.torch_snn.forms import Both, Half, gate, made, numbers_of, run_of, settled
from synaptile.conversion.torch_snn.places import Origin, Places, Run, places, plain


def added(run: Run, a: Any, b: Any, *_: Any, alpha: Any = 1) -> Places:
    """Spikes of several sites stay apart; real values meet in a node."""
    if not (isinstance(a, Places) and isinstance(b, Places)) or alpha != 1:
        raise run.refuse("adds a constant to a stream: put it into the bias of a layer")
    if a.shape != b.shape:
        raise run.refuse(f"adds shapes {tuple(a.shape)} and {tuple(b.shape)}")
    if a.origin.law != b.origin.law:
        raise run.refuse("adds a mean over time to what is not one")
    same = a.origin.size == b.origin.size and a.origin.timed == b.origin.timed
    spikes = same and a.origin.spikes and b.origin.spikes and not (a.origin.waiting or b.origin.waiting)
    if spikes and (numbers_of(a)[1] == numbers_of(b)[1]).all():
        return places(run, plain(a), replace(a.origin, nodes=a.origin.nodes + b.origin.nodes))
    left_value, right_value = settled(a), settled(b)
    (steps, left), (others, right) = numbers_of(left_value), numbers_of(right_value)
    ports = [run_of(run, value.origin.nodes[0], numbers) for value, numbers in ((left_value, left), (right_value, right))]
    if steps != others or (left - ports[0].start != right - ports[1].start).any():
        raise run.refuse(f"adds {ports[0].node!r} and {ports[1].node!r}, whose elements lie in different orders")
    width = ports[0].width
    name = run.builder.add(Add(f"{run.where}.add", tuple(ports), (1, width)), run.builder.planes[ports[0].node])
    origin = Origin((name,), width, False, a.origin.timed or b.origin.timed, law=a.origin.law)
    return made(left_value, steps, origin, left - ports[0].start, a.shape)


def multiplied(run: Run, a: Any, b: Any) -> Places:
    """By a number: a scale. Spikes by spikes: an AND, or a mask."""
    if not (isinstance(a, Places) and isinstance(b, Places)):
        value, factor = (a, b) if isinstance(a, Places) else (b, a)
        if isinstance(factor, torch.Tensor) and factor.numel() != 1:
            raise run.refuse("multiplies a stream by a tensor: put it into the weights of a layer")
        return scaled(run, value, float(factor))
    for value in (a, b):
        if not value.origin.spikes or value.origin.waiting or len(value.origin.nodes) > 1:
            raise run.refuse(f"multiplies {value.origin.nodes[:1]}, which is no single site of spikes")
    full_a, full_b = torch.broadcast_tensors(plain(a), plain(b))
    (_, own_a), (_, own_b) = numbers_of(a), numbers_of(b)
    if own_a.size < own_b.size:
        return multiplied(run, b, a)
    steps, left = numbers_of(places(run, full_a, a.origin))
    _, right = numbers_of(places(run, full_b, b.origin))
    builder = run.builder
    port = run_of(run, a.origin.nodes[0], left)
    other = run_of(run, b.origin.nodes[0], np.unique(right))
    left, right = left - port.start, right - other.start
    if own_a.size == own_b.size:
        if (left != right).any():
            raise run.refuse(f"multiplies {port.node!r} and {other.node!r}, whose elements lie in different orders")
        new = Origin(a.origin.nodes, a.origin.size, True, a.origin.timed, Both(other))
        return made(a, steps, new, left + port.start, full_a.shape)
    times, positions = own_a.size // own_b.size, prod(builder.planes[port.node])
    if (right == left // times).all():
        heads, depth, over = 1, own_b.size, "positions"
        positions = times
    elif (right == left // (times * positions) * positions + left % positions).all():
        heads, depth, over = own_b.size // positions, times, "depth"
    else:
        raise run.refuse(f"a mask of {other.node!r} over {port.node!r} is spread over neither positions nor channels of a head")
    node = Mask(f"{run.where}.mask", (port, other), (1, port.width), heads, depth, positions, over)  # type: ignore[arg-type]
    name = gate(run, builder.add(node, builder.planes[port.node]), "spikes")
    return made(a, steps, Origin((name,), port.width, True, a.origin.timed), left, full_a.shape)


def divided(run: Run, a: Any, b: Any) -> Places:
    """By a number."""
    if isinstance(b, Places) or (isinstance(b, torch.Tensor) and b.numel() != 1):
        raise run.refuse("divides by a stream")
    return scaled(run, a, 1.0 / float(b))


def scaled(run: Run, value: Places, factor: float) -> Places:
    """Times a number: of attention its scale, else in the weights of the layer in front."""
    waiting = value.origin.waiting
    if isinstance(waiting, Half):
        return places(run, plain(value), replace(value.origin, waiting=waiting._replace(scale=waiting.scale * factor)))
    node = run.builder.nodes[value.origin.nodes[0]]
    read = any(port.node == node.name for other in run.builder.nodes.values() for port in other.inputs)
    if isinstance(node, SpikeAttention) and not read:
        run.builder.change(node.name, scale=node.scale * factor)
        return value
    if waiting or value.origin.spikes:
        raise run.refuse(f"multiplies spikes of {node.name!r} by {factor}: put it into the weights of the layer behind")
    channels = len(run.builder.arrays.get(f"{node.name}.bias", [0]))
    run.builder.normalise(node.name, np.full(channels, factor), np.zeros(channels), f"a factor {factor} in {run.where!r}")
    return value
