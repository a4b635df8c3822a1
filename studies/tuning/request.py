"""What a search is asked for, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from synaptile.energy import ACCOUNTINGS
from synaptile.foundation.errors import InputError
from synaptile.simulator.dense.reference import check_steps
from synaptile.simulator.number_format import check_numeric
from synaptile.studies.extra import require_study
from synaptile.studies.outputs import check_output
from synaptile.studies.tuning.space import By
from synaptile.studies.tuning.trials import Hold

SAMPLERS = ("linear", "tpe", "nsga2")


@dataclass(frozen=True)
class TuneRequest:
    """Settings of a search; they stay what they are while it goes on. `loss` is the fall of agreement that is allowed."""

    steps: int
    loss: float
    seed: int
    accounting: str = "released"
    sampler: str = "linear"
    by: By = "kind"
    numeric: str = "float32"
    hold: Hold = "all"


def check_request(request: TuneRequest, trials: int, directory: Path) -> None:
    """Raises InputError for settings that cannot be, or without the package that they need."""
    check_steps(request.steps)
    check_numeric(request.numeric)
    check_output(directory)
    if trials < 1:
        raise InputError(f"--trials is {trials}, needs at least 1")
    if not (math.isfinite(request.loss) and 0 <= request.loss <= 1):
        raise InputError(f"--loss is {request.loss:g}, needs to lie between 0 and 1")
    if not 0 <= request.seed < 2**32:
        raise InputError(f"--seed is {request.seed}, must be from 0 to {2**32 - 1}")
    if request.accounting not in ACCOUNTINGS:
        raise InputError(f"accounting {request.accounting!r} is unknown: use one of {', '.join(ACCOUNTINGS)}")
    if request.sampler not in SAMPLERS:
        raise InputError(f"sampler {request.sampler!r} is unknown: use one of {', '.join(SAMPLERS)}")
    if request.by not in get_args(By):
        raise InputError(f"by {request.by!r} is unknown: use one of {', '.join(get_args(By))}")
    if request.hold not in get_args(Hold):
        raise InputError(f"hold {request.hold!r} is unknown: use one of {', '.join(get_args(Hold))}")
    require_study("optuna", "`synaptile tune`")
