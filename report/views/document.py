"""What a report consists of, whatever prints it: sheets of texts, warnings, facts and notes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """A table of texts. The first `left` columns and those named in `prose` hold words, which may wrap; the others hold figures.

    `folded`: where a reader can open it, it begins closed.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    folded: bool = False
    caption: str = ""
    prose: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """One result: `warnings` must not be overlooked, `facts` are pairs of a label and a text, `notes` stand at the end."""

    title: str
    sheets: tuple[Sheet, ...]
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
