"""What every worker of a sweep must know, on disk in the sweep's directory: read once a process, checked by its digest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.files import write_json
from synaptile.hwmodels import Chip, chip_document, chip_from_document, vary, with_host_ec
from synaptile.studies.sweeping.model import ModelFile
from synaptile.studies.sweeping.schema import Images, Mapping, Rates, Schedule
from synaptile.studies.sweeping.space import CHIP, MAPPING, Settings

FILE = "context.json"


@dataclass(frozen=True)
class Context:
    """`chips` are the chips that points start from, by the name that the study gives them; `chip` is the default one.

    `fixed` is what all points share; `steps` what a point takes unless it says otherwise, `most_steps` what is executed. `keep`
    says whether every spike's neuron is kept, so that a run can be seen on other mappings.
    """

    directory: str
    model: ModelFile
    images: Images | None
    rates: Rates | None
    chips: dict[str, Chip]
    chip: str
    follow: bool
    steps: int
    most_steps: int
    numeric: str
    number_format: str | None
    schedule: Schedule
    mapping: Mapping
    fixed: Settings
    keep: bool

    def chip_of(self, settings: Settings) -> Chip:
        """The chip of a point. Raises ChipError."""
        base = self.chips[str(settings.get("chip", self.chip))]
        changes = {name.removeprefix(CHIP): value for name, value in settings.items() if name.startswith(CHIP)}
        return vary(base, changes, follow=self.follow)

    def mapping_of(self, settings: Settings) -> dict[str, Any]:
        """Options of the mapper at a point."""
        own = {name.removeprefix(MAPPING): value for name, value in settings.items() if name.startswith(MAPPING)}
        return self.mapping.model_dump() | own


def save_context(context: Context) -> str:
    """Write a context; returns its digest."""
    document = _document(context)
    write_json(Path(context.directory) / FILE, document)
    return digest_of(document)


@lru_cache(maxsize=2)
def load_context(directory: str, digest: str) -> Context:
    """The context that a task names. Raises FileFormatError where another one lies there, or none."""
    file = Path(directory) / FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"{file}: not readable ({error}): workers must see the sweep's directory under this path"
        ) from error
    if digest_of(document) != digest:
        raise FileFormatError(f"{file}: is not what this sweep began with: run the sweep again")
    model = dict(document["model"])
    model["calibration"] = _optional(Images, model["calibration"])
    return Context(
        **document
        | {
            "directory": directory,
            "model": ModelFile(**model),
            "images": _optional(Images, document["images"]),
            "rates": _optional(Rates, document["rates"]),
            "chips": {name: chip_from_document(chip, name) for name, chip in document["chips"].items()},
            "schedule": Schedule.model_validate(document["schedule"]),
            "mapping": Mapping.model_validate(document["mapping"]),
        }
    )


def based_on(chip: Chip, *, host_ec: bool) -> Chip:
    """A chip as a study starts from it: with virtual EC cores where it is told to, and the chip has none."""
    return with_host_ec(chip) if host_ec and chip.ec_core is None else chip


def _document(context: Context) -> dict[str, Any]:
    dumped = {name: getattr(context, name) for name in Context.__dataclass_fields__ if name != "directory"}
    model = asdict(context.model)
    model["calibration"] = _dumped(context.model.calibration)
    dumped |= {
        "model": model,
        "images": _dumped(context.images),
        "rates": _dumped(context.rates),
        "chips": {name: chip_document(chip) for name, chip in context.chips.items()},
        "schedule": context.schedule.model_dump(),
        "mapping": context.mapping.model_dump(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(dumped))
    return plain


def _dumped(section: Images | Rates | None) -> dict[str, Any] | None:
    return None if section is None else section.model_dump(by_alias=True)


def _optional(kind: Any, document: dict[str, Any] | None) -> Any:
    return None if document is None else kind.model_validate(document)
