"""Check that `size` finds the smallest chip, against brute force, for the structures of ViT-Ti/16 and ViT-S/16.

    python scripts/check_size.py [--steps 2] [--density 0.25]

Every chip of a small family is scheduled and priced; `size` is then asked for several targets. No weights are needed: the
activity is synthetic. Takes minutes; exits with 1 where an answer differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from synaptile.conversion.structure import structure_of_timm
from synaptile.hwmodels import load_chip, vary
from synaptile.simulator import Activity, synthesise
from synaptile.studies.sizing.answer import ChipOutcome, Target, Value
from synaptile.studies.sizing.bases import Bases, Changes
from synaptile.studies.sizing.evaluate import Trial, evaluate
from synaptile.studies.sizing.family import make_family
from synaptile.studies.sizing.request import knobs_of
from synaptile.studies.sizing.search import Search

FAMILY: dict[str, list[Value]] = {
    "synapse_core.lanes_per_cycle": [8, 16, 32],
    "ec_core.multipliers_per_cycle": [4, 8, 16],
    "synapse_core.weight_memory_kib": [98, 196],
    "mesh.width+mesh.height": [17, 24],
}
MODELS = ("vit_tiny_patch16_224", "vit_small_patch16_224")
QUANTILES = (0.02, 0.25, 0.5, 0.75)


def main() -> int:
    """Print a table of targets and answers; returns the number of answers that differ from brute force."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--density", type=float, default=0.25)
    asked = parser.parse_args()
    base, wrong = vary(load_chip("ecmt45"), {"mesh.max_chips": 1}), 0
    for model in MODELS:
        activity = synthesise(structure_of_timm(model), asked.steps, asked.density, chip=base)
        began = time.perf_counter()
        points = brute_force(activity)
        seconds = time.perf_counter() - began
        fitting = [outcome for outcome in points.values() if outcome.fits]
        print(f"{model}: {len(points)} chips in {seconds:.0f} s, {len(fitting)} hold it", flush=True)
        for target in targets(fitting):
            wrong += not check(activity, points, target)
    return wrong


def brute_force(activity: Activity) -> dict[tuple[int, ...], ChipOutcome]:
    """Every chip of the family."""
    bases, trial = Bases(activity.program.chip), Trial(activity, activity.program.graph.name, 1, None)
    return {
        point: evaluate(trial, bases, {name: FAMILY[name][at] for name, at in zip(FAMILY, point, strict=True)})
        for point in product(*(range(len(values)) for values in FAMILY.values()))
    }


def targets(fitting: list[ChipOutcome]) -> list[Target]:
    """Latencies and energies that some chips reach and others do not."""
    latency, energy = sorted(o.latency_ms for o in fitting), sorted(o.energy_mj for o in fitting)
    at = [int(share * (len(fitting) - 1)) for share in QUANTILES]
    return [*(Target(latency_ms=latency[i]) for i in at), *(Target(energy_mj=energy[i]) for i in at)]


class Known:
    """Answers with what brute force found."""

    left = 10**6

    def __init__(self, points: dict[tuple[int, ...], ChipOutcome]) -> None:
        self.points = points
        self.asked: list[tuple[int, ...]] = []

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        """What a point of the family does."""
        self.asked.append(tuple(FAMILY[name].index(value) for name, value in changes.items()))
        return self.points[self.asked[-1]]


def check(activity: Activity, points: dict[tuple[int, ...], ChipOutcome], target: Target) -> bool:
    """Whether the search's answer is the smallest of all points."""
    base, known = activity.program.chip, Known(points)
    family = make_family(Bases(base), knobs_of(base, FAMILY))
    found = Search(family, target, known, 0).run()
    met = [(outcome.area_mm2, point) for point, outcome in points.items() if target.met(outcome)]
    wanted = min(met, key=lambda pair: (pair[0] or 0.0, pair[1]))[1]
    values = ", ".join(f"{value}" for value in family.changes(found.index).values())
    verdict = "as brute force" if found.index == wanted else f"brute force says {family.changes(wanted)}"
    print(f"  {target}: {values} in {len(set(known.asked))} of {family.size} points, {verdict}", flush=True)
    return found.index == wanted


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
