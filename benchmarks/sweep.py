"""A sweep: 200 chips of ViT-Ti/16 from one execution, conversion, execution and journal counted."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.measure import print_table
from synaptile.studies.sweeping.plan import plan_of
from synaptile.studies.sweeping.run import run_sweep

STUDY = Path(__file__).resolve().parent.parent / "examples" / "vit_tiny_200_chips.yaml"
CHIPS, WORKERS, LIMIT_SECONDS = 200, 2, 60


def print_tables(*, quick: bool = False) -> None:
    """CPU time of one process; workers share points alone: what comes before, all wait for."""
    with tempfile.TemporaryDirectory() as folder:
        yaml = YAML(typ="safe")
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares None
        study = yaml.load(STUDY)
        if quick:
            study["grid"] = _narrowed(study["grid"])
        file = Path(folder) / STUDY.name
        yaml.dump(study, file)
        times = []

        def told(what: str, done: int, total: int) -> None:
            if what == "points":
                times.append(time.process_time())

        before = time.process_time()
        run_sweep(plan_of(file), Path(folder) / "sweep", progress=told)
    each = (times[-1] - times[1]) / (len(times) - 2)
    shared = times[1] - before - each
    seconds = shared + CHIPS * each / WORKERS
    row = (
        f"{len(times) - 1}",
        f"{shared:.1f}",
        f"{each:.2f}",
        f"{seconds:.0f}",
        f"{LIMIT_SECONDS}",
        "yes" if seconds <= LIMIT_SECONDS else "no",
    )
    header = ("chips measured", "shared, s", "per chip, s", f"{CHIPS} chips, {WORKERS} cores, s", "limit", "met")
    print_table("Sweep of ViT-Ti/16, T = 4, one image, CPU time", header, [row])


def _narrowed(grid: dict[str, Any]) -> dict[str, Any]:
    """One mapping, a few rates."""
    return {name: dict(list(values.items())[:1]) if isinstance(values, dict) else values[:2] for name, values in grid.items()}
