"""What every worker of a sweep must know, on disk in the sweep's directory: read once per process, checked by its digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from synaptile.foundation.digest import digest_of
from synaptile.foundation.documents import Strict
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.files import write_json
from synaptile.foundation.json_text import read_object
from synaptile.hwmodels import Chip, chip_document, chip_from_document, vary, with_host_ec
from synaptile.studies.kept import kept
from synaptile.studies.sweeping.model import ModelFile
from synaptile.studies.sweeping.parameters import PointSettings
from synaptile.studies.sweeping.schema import StudyImages, StudyRates

FILE = "context.json"


def _read_chips(chips: Any) -> dict[str, Chip]:
    if not isinstance(chips, dict):
        raise ValueError("needs chips by name")
    return {name: chip if isinstance(chip, Chip) else chip_from_document(chip, name) for name, chip in chips.items()}


def _written_chips(chips: dict[str, Chip]) -> dict[str, Any]:
    return {name: chip_document(chip) for name, chip in chips.items()}


class Context(Strict):
    """`chips` are the chips that points start from, by the name that the study gives them.

    `base` is what all points share; `most_steps` is executed, of which a point may take fewer. `streamed` images pass through
    each schedule. `keep` says whether every spike's neuron is kept, so that a run can be seen on other mappings; `best` whether
    each side's best token block is searched at every point.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    directory: Annotated[str, Field(exclude=True)]
    model: ModelFile
    images: StudyImages | None
    rates: StudyRates | None
    chips: Annotated[dict[str, Chip], BeforeValidator(_read_chips), PlainSerializer(_written_chips)]
    follow: bool
    most_steps: int
    streamed: int
    base: PointSettings
    keep: bool
    best: bool = False

    def chip_of(self, settings: PointSettings) -> Chip:
        """The chip of a point. Raises ChipError."""
        return vary(self.chips[settings.chip], settings.changes, follow=self.follow)


def save_context(context: Context) -> str:
    """Write a context; returns its digest."""
    document = context.model_dump(mode="json", by_alias=True)
    write_json(Path(context.directory) / FILE, document)
    return digest_of(document)


@kept(2)
def load_context(directory: str, digest: str) -> Context:
    """The context that a task names. Raises FileFormatError where another one lies there, or none."""
    file = Path(directory) / FILE
    try:
        document = read_object(file)
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"{file}: not readable ({error}): workers must see the sweep's directory under this path"
        ) from error
    if digest_of(document) != digest:
        raise FileFormatError(f"{file}: is not what this sweep began with: run the sweep again")
    try:
        return Context.model_validate_json(json.dumps(document | {"directory": directory}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise FileFormatError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}: run the sweep again") from error


def based_on(chip: Chip, *, host_ec: bool) -> Chip:
    """A chip as a study starts from it: with virtual EC cores where it is told to, and the chip has none."""
    return with_host_ec(chip) if host_ec and chip.ec_core is None else chip
