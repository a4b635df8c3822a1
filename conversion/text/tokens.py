"""Sentences as token numbers, with masks that say where each ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph, TokenSource
from synaptile.foundation.errors import GraphError, InputError
from synaptile.foundation.shown import Brief
from synaptile.foundation.types import Int64


@dataclass(frozen=True, eq=False, repr=False)
class Tokens(Brief):
    """A batch of sentences: `ids` and `mask`, integers of shape (sentences, tokens); mask 1 for a real token, 0 for padding.

    Padding follows the sentence. Nothing is checked here: whoever runs a batch does (`check_tokens`).
    """

    ids: NDArray[Any]
    mask: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, chosen: slice) -> Tokens:
        return Tokens(self.ids[chosen], self.mask[chosen])

    @property
    def lengths(self) -> Int64:
        """Real tokens of each sentence, shape (sentences,)."""
        return np.asarray(np.asarray(self.mask).sum(axis=1), np.int64)

    def by_length(self) -> Iterator[tuple[Int64, Int64]]:
        """Sentences of one length together, shortest first: their indices, shape (n,), and ids, shape (n, length)."""
        lengths = self.lengths
        for length in np.unique(lengths):
            chosen = np.flatnonzero(lengths == length)
            yield chosen, np.asarray(self.ids[chosen, :length], np.int64)


def text_source(graph: SpikingGraph) -> TokenSource:
    """The graph's token source. Raises GraphError for a graph that takes anything else."""
    if not isinstance(graph.source, TokenSource):
        raise GraphError(f"graph {graph.name!r} takes no text: its source {graph.source.name!r} is of kind {graph.source.kind!r}")
    return graph.source


def check_tokens(tokens: Any, source: TokenSource, where: str = "sentences") -> Tokens:
    """Validate a batch of sentences: `Tokens`, or a pair (ids, mask).

    Returns int64 arrays as wide as the longest sentence. Raises InputError for masks of another shape than the ids, of other
    values than 0 and 1, without a real token or with padding before one, for numbers outside the vocabulary, and for sentences
    longer than the graph was made for.
    """
    if isinstance(tokens, tuple) and len(tokens) == 2:
        tokens = Tokens(np.asarray(tokens[0]), np.asarray(tokens[1]))
    if not isinstance(tokens, Tokens):
        raise InputError(
            f"{where}: a {type(tokens).__name__}, this network takes Tokens or a pair (ids, mask): encode the text first"
        )
    ids, mask = np.asarray(tokens.ids), np.asarray(tokens.mask)
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer) or not ids.size:
        raise InputError(f"{where}: ids have shape {ids.shape} and type {ids.dtype}, needs integers of shape (sentences, tokens)")
    if mask.shape != ids.shape:
        raise InputError(f"{where}: the mask has shape {mask.shape}, the ids {ids.shape}: give one entry per token")
    if mask.dtype.kind not in "biuf" or not ((mask == 0) | (mask == 1)).all():
        raise InputError(f"{where}: the mask holds other values than 0 and 1: 1 marks a real token, 0 one that pads")
    real = mask == 1
    lengths = real.sum(axis=1)
    if (lengths == 0).any():
        raise InputError(f"{where}: sentence {int(np.argmin(lengths))} has no real token, its mask is all 0: leave it out")
    broken = (real != (np.arange(ids.shape[1]) < lengths[:, None])).any(axis=1)
    if broken.any():
        raise InputError(
            f"{where}: the mask of sentence {int(np.argmax(broken))} has padding before a real token: real tokens come first"
        )
    longest = int(lengths.max())
    if longest > source.tokens:
        raise InputError(
            f"{where}: sentence {int(np.argmax(lengths))} has {longest} tokens, the graph was made for up to {source.tokens}: "
            f"shorten it, or convert with tokens={longest}"
        )
    outside = real & ((ids < 0) | (ids >= source.vocabulary))
    if outside.any():
        sentence, token = (int(i) for i in np.argwhere(outside)[0])
        raise InputError(
            f"{where}: token {token} of sentence {sentence} is {ids[sentence, token]}, the vocabulary has 0 to "
            f"{source.vocabulary - 1}: use the tokenizer of this model"
        )
    return Tokens(ids[:, :longest].astype(np.int64), real[:, :longest].astype(np.int64))


def together(batches: list[Tokens]) -> Tokens:
    """Batches as one, padded to the longest sentence. At least one batch."""
    width = max(batch.ids.shape[1] for batch in batches)

    def widened(array: NDArray[Any]) -> NDArray[Any]:
        return np.pad(array, ((0, 0), (0, width - array.shape[1])))

    return Tokens(np.concatenate([widened(b.ids) for b in batches]), np.concatenate([widened(b.mask) for b in batches]))
