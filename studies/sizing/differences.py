"""Around the answer: what breaks one value below it, and what one unit more of anything brings."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from synaptile.studies.sizing.answer import Break, ChipOutcome, Knob, Marginal, Target
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
    "memories.dram.gbit_per_s",
)
"""What is asked of every chip that has it: one more KiB, lane, EC unit, link bit, Gbit/s of DRAM."""

_MORE = 0.25


def breaks_of(family: Family, best: Index, target: Target, evaluate: Evaluate) -> tuple[Break, ...]:
    """What each knob does one value lower, or with the best of its other words, the others as in the answer."""

    def broken(at: int, to: int) -> Break:
        index = (*best[:at], to, *best[at + 1 :])
        outcome = evaluate(family.changes(index), free=True)
        excess, knob = target.excess(outcome) if outcome.fits else {}, family.knobs[at]
        cost = family.cost_of(index, outcome) if outcome.fits else None
        return Break(knob.name, knob.values[best[at]], knob.values[to], outcome, excess, cost)

    def rank(one: Break) -> tuple[bool, float, float]:
        fits = one.outcome is not None and one.outcome.fits
        return not fits, max(one.excess.values(), default=0.0), one.cost or 0.0

    breaks = []
    for at, knob in enumerate(family.knobs):
        if family.words[at]:
            tried = [broken(at, to) for to in range(len(knob.values)) if to != best[at]]
        else:
            tried = [broken(at, best[at] - 1)] if best[at] else []
        breaks.append(min(tried, key=rank, default=Break(knob.name, knob.values[best[at]], None, None, {})))
    return tuple(breaks)


def marginals_of(family: Family, best: Index, outcome: ChipOutcome, target: Target, evaluate: Evaluate) -> tuple[Marginal, ...]:
    """Cycles and pJ per unit more of each parameter that is a number: to the knob's next value, else a quarter more."""
    changes, answer = family.changes(best), family.cost_of(best, outcome)
    chip = family.bases.chip(changes)
    knob_of = {figure: knob.name for knob in family.knobs for figure in figures_of(knob, chip)}
    plain = [knob.name for knob, words in zip(family.knobs, family.words, strict=True) if not words]
    marginals = []
    for name in dict.fromkeys([*MARGINAL_PARAMETERS, *plain]):
        at = changes.get(name, value_of(chip, name.split("+")[0]))
        others = {knob_of.get(figure, name) for figure in figures_of(Knob(name, ()), chip)} - {name}
        if at is None or isinstance(at, str) or others:  # what a knob of another name, or unit, sets is asked of that knob
            continue
        to = _next(family.knobs, name, at)
        larger = evaluate({**changes, name: to}, free=True)
        if not larger.fits:
            marginals.append(Marginal(name, at, to, None, None, larger.why))
            continue
        cycles, millijoules = larger.latency_cycles - outcome.latency_cycles, larger.energy_mj - outcome.energy_mj
        smaller = target.met(larger) and larger.area_mm2 is not None and larger.area_mm2 < answer
        why = f"smaller, {larger.area_mm2:,.5g} mm2, but outside of the family" if smaller else ""
        marginals.append(Marginal(name, at, to, cycles / (to - at), millijoules * 1e9 / (to - at), why))
    return tuple(marginals)


def _next(knobs: Sequence[Knob], name: str, at: int | float) -> int | float:
    """The knob's next larger value; a quarter more at the end of its range, and for what is no knob."""
    for knob in knobs:
        if knob.name == name and (larger := [value for value in knob.values if not isinstance(value, str) and value > at]):
            return larger[0]
    return at + max(1, ceil(at * _MORE)) if isinstance(at, int) else at * (1 + _MORE)
