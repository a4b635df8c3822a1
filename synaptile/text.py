"""What the command line accepts as text: a file of sentences, one per line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.conversion.text.tokens import Tokens, text_source
from synaptile.foundation.errors import InputError


@dataclass(frozen=True, eq=False)
class TextSet:
    """Encoded sentences, in the place of an `ImageSet`: `files` holds their texts, no label is known."""

    images: Tokens
    labels: NDArray[np.int64]
    files: tuple[str, ...]


def read_text(file: Path, graph: SpikingGraph, limit: int | None = None) -> TextSet:
    """At most `limit` sentences of a file, encoded by the graph's tokenizer. Raises InputError, GraphError, FileFormatError."""
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, needs at least 1")
    text_source(graph)
    chosen = read_sentences(file)[:limit]
    return TextSet(encode(chosen, graph), np.full(len(chosen), -1, np.int64), tuple(chosen))
