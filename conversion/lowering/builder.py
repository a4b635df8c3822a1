"""The graph under construction: nodes, arrays and the patterns by which consumers read streams."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Add, Concatenate, ConstantStream, Node, Port, Rearrange, TokenSelect
from synaptile.conversion.lowering.patterns import Digits, Rectangle, digits, rectangle, spanned
from synaptile.conversion.lowering.values import Form, Stream
from synaptile.foundation.errors import ModelError

if TYPE_CHECKING:
    import torch

S = TypeVar("S", bound=Stream | Form)

MOST_RUNS = 256
"""Pieces of a stream that are put one behind the other where no order of axes says which tokens are read."""


class Builder:
    """Collects nodes in trace order, under unique names; `fx` is the entry of the trace that is being lowered."""

    fx: Any  # a torch.fx.Node, whose arguments torch types as all that they may be

    def __init__(self, model: str, parameters: Mapping[str, str], dtype: torch.dtype, *, shares: bool = False) -> None:
        self.model = model
        self.parameters = parameters  # placeholder -> dotted name of the parameter or buffer
        self.dtype = dtype  # of constants that the model writes as plain numbers
        self.nodes: dict[str, Node] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.versions: dict[str, int] = {}
        self.shares = shares  # whether arrays may be views of the model's memory
        self.rounds = False  # whether a model in float64 turns streams to float32 on its way

    @property
    def where(self) -> str:
        """Module path of the operator that is being lowered; empty at the root."""
        stack = self.fx.meta.get("nn_module_stack") or {}
        return str(list(stack.values())[-1][0]) if stack else ""

    def fail(self, problem: str) -> ModelError:
        """A ModelError that names the operator and its module."""
        return ModelError(f"model {self.model}: {self.fx.target} in module {self.where or '(root)'!r}: {problem}")

    def unique(self, name: str) -> str:
        """`name`, or `name_1`, `name_2`, ... where it is taken."""
        candidate, count = name, 0
        while candidate in self.nodes:
            count += 1
            candidate = f"{name}_{count}"
        return candidate

    def add(self, node: Node, **arrays: torch.Tensor | None) -> Stream:
        """Add a node with its arrays and return its whole stream, shaped as the node's stream (no batch axis)."""
        import torch

        self.nodes[node.name] = node
        self.versions[node.name] = 0
        for field, tensor in arrays.items():
            if tensor is not None:
                self.arrays[f"{node.name}.{field}"] = self._held(tensor.detach().cpu().numpy())
        return Stream(node.name, torch.arange(node.size).reshape(node.shape))

    def _held(self, array: NDArray[Any]) -> NDArray[Any]:
        return array if self.shares and array.flags.c_contiguous else _copy(array)

    def replace(self, node: Node) -> None:
        """Replace a node by another of the same name."""
        self.nodes[node.name] = node

    def whole(self, node: str) -> Port:
        """A port that reads all channels of a node."""
        return Port(node, 0, self.nodes[node].width)

    def read(self, stream: S) -> S:
        """Check that a stream is still what was taken from its node, and return it."""
        if stream.version != self.versions[stream.node]:
            raise self.fail(f"reads {stream.node!r} from before a scale was folded into its weights, which changes it")
        return stream

    def plain(self, stream: Stream) -> Stream:
        """Check that no scale or attention bias is pending, and return the stream."""
        if stream.scale != 1.0 or stream.bias is not None:
            raise self.fail(f"a scale ({stream.scale:g}) or bias pending on {stream.node!r} has no unit to move into")
        return self.read(stream)

    def token_port(self, stream: Stream) -> Port:
        """Read a (..., channels) tensor as whole token rows, whatever axes (batch 1) the tokens lie along; selects tokens."""
        node = self.nodes[stream.node]
        index = stream.index
        if node.is_map or index.ndim < 2:
            raise self.fail(f"needs token rows, reads a tensor of shape {tuple(index.shape)} from {stream.node!r}")
        return self._rows(stream, index.reshape(-1, index.shape[-1]))

    def per_token(self, stream: Stream, width: int) -> tuple[Port, torch.Tensor, int]:
        """Read rows of `width` channels, the last axis, for a unit that takes each by itself, in whatever order they stand.

        Returns the port, which row of a unit with `groups` rows per token each is, shape (rows,), and these groups.
        """
        import torch

        rows = stream.index.reshape(-1, width)
        node = self.nodes[stream.node]
        box = None if node.is_map else rectangle(rows, node.width)
        if box is not None and box.channels % width == 0:
            at = box.place[:, :1]
            if torch.equal(box.place, at + torch.arange(width)) and not bool((at % width).any()):
                port = self.box_port(stream.node, box)
                self.read(stream)
                return port, at[:, 0] // width, box.channels // width
        return self.token_port(stream), torch.arange(len(rows)), 1

    def elements(self, stream: Stream) -> tuple[Port, torch.Tensor]:
        """Read elements in whatever order they stand, if they fill whole tokens of some channels; and the place of each there."""
        import torch

        node = self.nodes[stream.node]
        box = None if node.is_map else rectangle(stream.index, node.width)
        if box is None:
            port = self.token_port(stream)
            return port, torch.arange(stream.index.numel()).reshape(stream.index.shape)
        self.read(stream)
        return self.box_port(stream.node, box), box.place

    def head_port(self, stream: Stream, *, transposed: bool) -> tuple[Port, int, int] | None:
        """Read a (..., heads, tokens, d) tensor, or its last-axes transpose, as (port, heads, d); None if it is not one.

        What stands in front of the heads, windows or a batch of 1, counts as heads.
        """
        index = stream.index
        if self.nodes[stream.node].is_map or index.ndim < 3:
            return None
        index = index.reshape(-1, *index.shape[-2:])
        if transposed:
            index = index.transpose(-1, -2)
        heads, tokens, depth = index.shape
        rows = index.permute(1, 0, 2).reshape(tokens, heads * depth)
        try:
            return self._rows(stream, rows), heads, depth
        except ModelError:
            return None

    def map_port(self, stream: Stream) -> Port | None:
        """Read a (..., heads, tokens, keys) tensor as a whole attention map; None if it is not one."""
        import torch

        node = self.nodes[stream.node]
        if not node.is_map or stream.index.ndim < 3:
            return None
        index = stream.index.reshape(-1, *stream.index.shape[-2:])
        if tuple(index.shape) != node.shape or not torch.equal(index.reshape(-1), torch.arange(node.size)):
            return None
        self.read(stream)
        return self.whole(stream.node)

    def rows_of_map(self, value: S) -> S:
        """An attention map as a stream, a row per head and query, which any unit may read, its bias added; a stream as it is."""
        import torch

        node = self.nodes[self.read(value).node]
        if not node.is_map:
            return value
        shape = (node.width * node.tokens, node.shape[2])
        port = self._once(Rearrange(f"{node.name}.rows", (self.whole(node.name),), shape, (node.size,), (0,)))
        if isinstance(value, Stream) and value.bias is not None:
            rows = torch.zeros(node.size, dtype=self.dtype)
            rows[value.index] = (value.bias / value.scale).to(self.dtype)
            bias = self.constant(f"{node.name}.bias", rows.reshape(shape))
            added = Add(self.unique(f"{node.name}.biased"), (port, self.whole(bias.node)), shape)
            port, value = self.whole(self.add(added).node), dataclasses.replace(value, bias=None)
        return dataclasses.replace(value, node=port.node, version=0)

    def constant(self, name: str, value: torch.Tensor) -> Stream:
        """A constant tensor (1, tokens, channels) or (1, channels) as a stream of the same shape."""
        import torch

        rows = value.reshape(-1, value.shape[-1])
        node = ConstantStream(self.unique(name), (), (rows.shape[0], rows.shape[1]))
        self.add(node, value=rows)
        return Stream(node.name, torch.arange(node.size).reshape(value.shape))

    def _rows(self, stream: Stream, rows: torch.Tensor) -> Port:
        """A port for an index matrix (tokens, channels), with a TokenSelect in front where only some tokens are read."""
        import torch

        self.read(stream)
        node = self.nodes[stream.node]
        tokens, channels = rows.shape
        first, start = divmod(int(rows[0, 0]), node.width)
        expected = (torch.arange(first, first + tokens) * node.width)[:, None] + torch.arange(start, start + channels)
        if first + tokens > node.tokens or start + channels > node.width or not torch.equal(rows, expected):
            return self._rearranged(stream, rows)
        return self.token_range(Port(stream.node, start, start + channels), first, tokens)

    def _rearranged(self, stream: Stream, rows: torch.Tensor) -> Port:
        """A port for elements in another order than their own, or copied, through a node that puts them there."""
        pattern = self._pattern(stream.node, rows)
        if pattern is None and (chosen := self._chosen_tokens(stream.node, rows)) is not None:
            return chosen
        if pattern is None:
            raise self.fail(
                f"reads {stream.node!r} (shape {self.nodes[stream.node].shape}) in a layout that is neither token rows nor "
                "heads, nor a permutation of their axes: read whole rows of tokens or channels; thin tokens out by pooling or a "
                "strided convolution"
            )
        box, found = pattern
        port = self.box_port(stream.node, box)
        shape = (int(rows.shape[0]), int(rows.shape[1]))
        return self._once(
            Rearrange(f"{stream.node}.rearranged", (port,), shape, found.extents, found.order, (), found.repeats, found.taken)
        )

    def _once(self, node: Node) -> Port:
        """A port on a node without arrays, that of before where one alike stands already, whatever its name."""
        for known in self.nodes.values():
            if type(known) is type(node) and dataclasses.replace(known, name=node.name) == node:
                return self.whole(known.name)
        return self.whole(self.add(dataclasses.replace(node, name=self.unique(node.name))).node)

    def _pattern(self, name: str, index: torch.Tensor) -> tuple[Rectangle, Digits] | None:
        """The rectangle of a node's stream that holds an index tensor, and its order there; None if no node has such an order."""
        node = self.nodes[name]
        if node.is_map or not index.numel():
            return None
        whole = Rectangle(0, node.tokens, 0, node.width, index)
        for box in (rectangle(index, node.width, copies=True), spanned(index, node.width), whole):
            found = None if box is None else digits(box.place.reshape(-1), box.tokens * box.channels)
            if box is not None and found is not None:
                return box, found
        return None

    def _chosen_tokens(self, name: str, rows: torch.Tensor) -> Port | None:
        """Some channels of tokens, however these are chosen, as runs one behind the other; None where it is not that."""
        import torch

        node = self.nodes[name]
        tokens, start = rows[:, 0] // node.width, int(rows[0, 0]) % node.width
        stop = start + rows.shape[1]
        if node.is_map or stop > node.width or not torch.equal(rows, (tokens * node.width)[:, None] + torch.arange(start, stop)):
            return None
        ends = [*((tokens.diff() != 1).nonzero()[:, 0] + 1).tolist(), len(tokens)]
        if len(ends) > MOST_RUNS:
            return None
        runs = zip([0, *ends], ends, strict=False)
        ports = [self.token_range(Port(name, start, stop), int(tokens[first]), end - first) for first, end in runs]
        return self._once(Concatenate(f"{name}.chosen", tuple(ports), (int(rows.shape[0]), int(rows.shape[1]))))

    def cut(self, stream: Stream, part: torch.Tensor) -> Stream | None:
        """The stream as a node of its own, where `part` of its index tensor is no pattern, but the whole is; None elsewhere."""
        import torch

        irregular = part.numel() and stream.index.ndim > 1 and not self._pattern(stream.node, part)
        if not irregular or not self._pattern(stream.node, stream.index):
            return None
        port = self.token_port(stream)
        node = self.nodes[port.node]
        rows = torch.arange(node.size).reshape(node.tokens, node.width)[:, port.start : port.stop]
        index = rows.reshape(stream.index.shape)
        return dataclasses.replace(stream, node=port.node, index=index, version=self.versions[port.node])

    def rolled(self, stream: Stream, shifts: tuple[int, ...]) -> Stream:
        """Token rows rolled along their axes, (..., channels), by a shift for each axis."""
        import torch

        port, shape = self.token_port(self.plain(stream)), tuple(stream.index.shape)
        order, node = tuple(range(len(shape))), self.nodes[port.node]
        name = self.unique(f"{stream.node}.rolled")
        self.add(Rearrange(name, (port,), (node.tokens, port.width), shape, order, shifts))
        return Stream(name, torch.arange(stream.index.numel()).reshape(shape))

    def box_port(self, node: str, box: Rectangle) -> Port:
        """A port on a rectangle of a node's stream."""
        return self.token_range(Port(node, box.start, box.start + box.channels), box.first, box.tokens)

    def token_range(self, port: Port, first: int, tokens: int) -> Port:
        """A port on tokens ``first : first+tokens`` of what a port reads, through a TokenSelect where it reads more."""
        node = self.nodes[port.node]
        if tokens == node.tokens:
            return port
        name = f"{port.node}.tokens_{first}_{first + tokens}"
        if name not in self.nodes:
            self.add(TokenSelect(name, (self.whole(port.node),), (tokens, node.width), first, first + tokens))
        return Port(name, port.start, port.stop)


def _copy(array: NDArray[Any]) -> NDArray[Any]:
    """A copy: the model may be trained on, and a graph never changes. One value seen through a shape stays that."""
    return np.array(array, order="C") if any(array.strides) or not array.ndim else np.broadcast_to(array.flat[0], array.shape)
