"""A chip made of another tool's file: what was taken, what has no place, and the chip file that states it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from synaptile.foundation.documents import Document
from synaptile.foundation.shown import Shown
from synaptile.hwmodels.chain import shipped_chips
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.derive import chip_file
from synaptile.hwmodels.load import load_over

_HEAD = """\
# {what}, read from {file}.
# What that file states is below; all else is that of {base}: look it over, `synaptile chips THIS_FILE` lists it with its sources.
"""


class Taken(NamedTuple):
    """A figure or property, its value in our units, and where in the file it stands."""

    figure: str
    value: object
    place: str


class LeftOut(NamedTuple):
    """Something that the file states and a chip has no place for, or that a chip takes otherwise, and how."""

    place: str
    why: str


@dataclass(frozen=True, repr=False)
class ImportedChip(Shown):
    """`chip` is `base` with what a file of another tool states; `text` is a chip file that says so."""

    chip: Chip
    file: str
    base: str
    taken: tuple[Taken, ...]
    left_out: tuple[LeftOut, ...]
    text: str

    @property
    def inherited(self) -> tuple[str, ...]:
        """Dotted names of the figures that are those of `base`."""
        own = {taken.figure for taken in self.taken}
        return tuple(name for name in self.chip.sources if name not in own)


@dataclass
class Draft:
    """What a file states, collected figure by figure."""

    file: str
    document: Document = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def figure(self, name: str, value: float, place: str, origin: str = "") -> None:
        """A number, with its place in the file as its source; `origin` says more of it."""
        self.state(name, value, place, {"value": value, "source": f"{self.file}: {place}{f' ({origin})' if origin else ''}"})

    def state(self, name: str, value: object, place: str, written: object = ...) -> None:
        """A property, or None to take away what the chip below has."""
        *path, key = name.split(".")
        section = self.document
        for part in path:
            section = section.setdefault(part, {})
        section[key] = value if written is ... else written
        self.taken.append(Taken(name, value, place))

    def leave(self, place: str, why: str) -> None:
        """Something without a place."""
        self.left_out.append(LeftOut(place, why))

    def chip(self, base: str | Path, name: str, what: str) -> ImportedChip:
        """The chip that results. Raises ChipError where the file's figures are none of a chip's, or contradict the others."""
        below = str(base) if str(base) in shipped_chips() else str(Path(base).resolve())
        told = f"{what}, read from {self.file}; all else is that of {base}."
        about = {"name": chip_name(name), "extends": below, "description": told}
        chip = load_over({"name": about["name"], "description": told} | self.document, below, self.file)
        text = chip_file(_HEAD.format(what=what, file=self.file, base=base), about, self.document)
        return ImportedChip(chip, self.file, str(base), tuple(self.taken), tuple(self.left_out), text)


def chip_name(text: str) -> str:
    """Text as a chip's name: letters, digits, . _ + and -."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).lstrip("._+-")[:80] or "imported"


def in_units(value: float, factor: float) -> float:
    """A value times a power of ten, without the noise of that product in binary."""
    return float(f"{value * factor:.12g}")
