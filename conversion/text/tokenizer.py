"""Sentences to tokens with the model's own tokenizer. Needs the package tokenizers, which comes with an extra."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.text.tokens import Tokens, check_tokens, text_source
from synaptile.foundation.arguments import expect_path
from synaptile.foundation.errors import FileFormatError, InputError

FILE = "tokenizer.json"
KEY = "tokenizer"
"""Entry of a graph's metadata that holds the tokenizer's JSON text, so that a graph file takes sentences by itself."""


def encode(sentences: Sequence[str], graph: SpikingGraph) -> Tokens:
    """Tokens of sentences by the graph's tokenizer, special tokens included, padded to the longest; nothing is cut off.

    Raises InputError where the package is missing, a sentence is empty, or has more tokens than the graph was made for;
    FileFormatError for a tokenizer that cannot be read.
    """
    source = text_source(graph)
    text = graph.metadata.get(KEY)
    if not isinstance(text, str):
        raise InputError(
            f"graph {graph.name!r} carries no tokenizer: its model folder had no {FILE}; give Tokens in place of text"
        )
    if find_spec("tokenizers") is None:
        raise InputError("encoding text needs tokenizers, not installed here: pip install 'synaptile[text]'; or give Tokens")
    if isinstance(sentences, str) or not len(sentences):
        raise InputError("sentences must be a list of at least one text")
    for number, sentence in enumerate(sentences):
        if not isinstance(sentence, str) or not sentence.strip():
            raise InputError(f"sentence {number} is {sentence!r}, needs a text that is not empty")
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the package raises no narrower type
        raise FileFormatError(f"graph {graph.name!r}: its tokenizer cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(sentences))]
    width = max(map(len, rows))
    ids, mask = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return check_tokens(Tokens(ids, mask), source)


def read_sentences(file: str | Path) -> list[str]:
    """Sentences of a text file, one per line; empty lines and those that start with # are left out. Raises InputError."""
    path = expect_path(file, "file of sentences")
    if not path.is_file():
        raise InputError(f"{path}: no such file of sentences")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 text: {error}") from error
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise InputError(f"{path}: holds no sentence: write one per line")
    return found
