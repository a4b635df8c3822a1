"""What a dataset run may be asked to run: a timm model, a graph file, a mapped program or the embedded digits model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.convert import convert
from synaptile.conversion.extra import require_torch
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.images import open_folder
from synaptile.conversion.weights import load_timm
from synaptile.data import DIGITS_GRAPH
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import CalibrationError, InputError, WeightsError
from synaptile.foundation.options import PRESETS, Preset
from synaptile.hwmodels import load_chip
from synaptile.images import DIGITS, digits
from synaptile.mapper import CoreProgram, load_program, map_graph
from synaptile.studies.settings import file_digest

Progress = Callable[[str], None]
DEFAULT_CHIP = "ecmt45"
DEFAULT_PRESET: Preset = "paper"


@dataclass(frozen=True)
class ModelChoice:
    """What to run, as asked for. None where an option was not given; the defaults are preset ``paper`` and chip ``ecmt45``."""

    name: str
    weights: Path | None = None
    calibration: Path | None = None
    preset: Preset | None = None
    chip: str | None = None

    @property
    def kind(self) -> str:
        """``graph`` or ``program`` for a file, ``digits``, else ``timm``."""
        suffix = Path(self.name).suffix
        if self.name == DIGITS:
            return "digits"
        return {".spk": "graph", ".map": "program"}.get(suffix, "timm")

    def check(self) -> None:
        """Raises InputError for options that this kind of model does not take, or that are missing."""
        taken = {
            "timm": {"weights", "calibration", "preset", "chip"},
            "digits": {"preset", "chip"},
            "graph": {"chip"},
            "program": set(),
        }[self.kind]
        given = [option for option in ("weights", "calibration", "preset", "chip") if getattr(self, option) is not None]
        if surplus := [f"--{option}" for option in given if option not in taken]:
            raise InputError(f"{self.name} ({self.kind}) brings its own {', '.join(surplus)}: leave out what it brings")
        if self.preset is not None and self.preset not in PRESETS:
            raise InputError(f"preset {self.preset!r} does not exist; presets are {', '.join(PRESETS)}")
        if self.kind == "timm" and self.calibration is None:
            raise CalibrationError(f"no calibration images for {self.name}: give a folder of them with --calibration")
        for path in (self.weights, Path(self.name) if self.kind in ("graph", "program") else None):
            if path is not None and not path.is_file():
                raise (WeightsError if path is self.weights else InputError)(f"{path}: no such file")

    def settings(self) -> dict[str, Any]:
        """What identifies the choice: names, and digests of files."""
        self.check()
        identity: dict[str, Any] = {"model": self.name}
        if self.kind == "graph":
            identity["model"] = f"graph {load_graph(self.name, structure_only=True).digest}"
        elif self.kind == "program":
            identity["model"] = f"program file {file_digest(Path(self.name))}"
        if self.kind == "timm":
            assert self.calibration is not None
            folder = open_folder(self.calibration)
            sizes = [[path.relative_to(self.calibration).as_posix(), path.stat().st_size] for path in folder.paths]
            identity["weights"] = None if self.weights is None else file_digest(self.weights)
            identity["calibration"] = digest_of(sizes)
        if self.kind in ("timm", "digits"):
            identity["preset"] = self.preset or DEFAULT_PRESET
        if self.kind != "program":
            identity["chip"] = load_chip(self.chip or DEFAULT_CHIP).digest
        return identity

    def program(self, progress: Progress) -> CoreProgram:
        """Load, convert and map what was asked for."""
        self.check()
        if self.kind == "program":
            return load_program(self.name)
        if self.kind == "timm":
            require_torch()
        chip = load_chip(self.chip or DEFAULT_CHIP)
        graph = self._graph(progress)
        # Counts and their prices do not depend on where cores sit, so no time goes into seating them.
        return map_graph(graph, chip, placement="row_major", progress=progress)

    def _graph(self, progress: Progress) -> SpikingGraph:
        preset = self.preset or DEFAULT_PRESET
        if self.kind == "graph":
            return load_graph(self.name)
        progress("calibrating")
        if self.kind == "digits":
            return calibrate(load_graph(DIGITS_GRAPH), digits("calibration").images, preset=preset)
        return convert(load_timm(self.name, self.weights), self.calibration, preset=preset)
