"""Around the answer: what breaks one value below it, and what one unit more of anything brings."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from synaptile.hwmodels import Chip
from synaptile.studies.sizing.answer import Break, ChipOutcome, Knob, Marginal, Target, Value
from synaptile.studies.sizing.evaluate import Evaluate
from synaptile.studies.sizing.family import Family, Index
from synaptile.studies.sizing.request import figures_of, value_of

MARGINAL_PARAMETERS = (
    "synapse_core.weight_memory_kib",
    "synapse_core.state_memory_kib",
    "ec_core.state_memory_kib",
    "synapse_core.lanes_per_cycle",
    "ec_core.multipliers_per_cycle",
    "ec_core.special_functions_per_cycle",
    "noc.flit_bits",
)
"""What is asked of every chip: one more KiB, lane, EC unit, link bit."""

_MORE = 0.25


def breaks_of(family: Family, best: Index, target: Target, evaluate: Evaluate) -> tuple[Break, ...]:
    """What each knob does one value lower, the others as in the answer."""
    breaks = []
    for at, knob in enumerate(family.knobs):
        value = knob.values[best[at]]
        if best[at] == 0:
            breaks.append(Break(knob.name, value, None, None, {}))
            continue
        lower = (*best[:at], best[at] - 1, *best[at + 1 :])
        outcome = evaluate(family.changes(lower), free=True)
        excess = target.excess(outcome) if outcome.fits else {}
        breaks.append(Break(knob.name, value, knob.values[best[at] - 1], outcome, excess))
    return tuple(breaks)


def marginals_of(family: Family, best: Index, outcome: ChipOutcome, chip: Chip, evaluate: Evaluate) -> tuple[Marginal, ...]:
    """Cycles and pJ per unit more of each parameter: to the knob's next value, else a quarter more. `chip` is the answer's."""
    changes = family.changes(best)
    knob_of = {figure: knob.name for knob in family.knobs for figure in figures_of(knob, chip)}
    names = list(dict.fromkeys([*MARGINAL_PARAMETERS, *(knob.name for knob in family.knobs)]))
    marginals = []
    for name in names:
        at = changes.get(name, value_of(chip, name.split("+")[0]))
        others = {knob_of.get(figure, name) for figure in figures_of(Knob(name, ()), chip)} - {name}
        if at is None or others:  # what a knob of another name, or unit, sets is asked of that knob
            continue
        to = _next(family.knobs, name, at)
        larger = evaluate({**changes, name: to}, free=True)
        if not larger.fits:
            marginals.append(Marginal(name, at, to, None, None, larger.why))
            continue
        cycles, millijoules = larger.latency_cycles - outcome.latency_cycles, larger.energy_mj - outcome.energy_mj
        marginals.append(Marginal(name, at, to, cycles / (to - at), millijoules * 1e9 / (to - at)))
    return tuple(marginals)


def _next(knobs: Sequence[Knob], name: str, at: Value) -> Value:
    """The knob's next larger value; a quarter more at the end of its range, and for what is no knob."""
    for knob in knobs:
        if knob.name == name and (larger := [value for value in knob.values if value > at]):
            return larger[0]
    return at + max(1, ceil(at * _MORE)) if isinstance(at, int) else at * (1 + _MORE)
