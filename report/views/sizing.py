"""A sizing study: the smallest chip, what it does, and what more of each parameter would bring."""

from __future__ import annotations

from synaptile.report.views.document import Document, Sheet
from synaptile.studies.sizing.answer import Break, Marginal, Sizing, Value


def sizing_document(study: Sizing) -> Document:
    """The whole study."""
    title = f"Smallest {study.chip} for {study.graph}: {study.target}"
    return Document(title, (_answer(study), _outcome(study), _marginals(study)), warnings=study.synthetic)


def _answer(study: Sizing) -> Sheet:
    floors = {floor.knob: floor.smallest for floor in study.floors}
    rows = []
    for knob, broken in zip(study.knobs, study.breaks, strict=True):
        first, last, alone = knob.values[0], knob.values[-1], floors.get(knob.name)
        span = _number(first) if len(knob.values) == 1 else f"{_number(first)} to {_number(last)}"
        answer, alone_text = _number(study.answer[knob.name]), "-" if alone is None else _number(alone)
        rows.append((knob.name, answer, span, alone_text, break_text(broken)))
    return Sheet(
        "The smallest chip",
        ("parameter", "answer", "of", "alone", "one value lower"),
        tuple(rows),
        prose=("one value lower",),
        caption=f"{study.statement}.\n"
        f"Size: {study.cost:,.5g} {study.cost_unit}. Alone: the smallest value that meets the target while all others are large.",
    )


def break_text(broken: Break) -> str:
    """What happens one value lower, in words."""
    if broken.outcome is None or broken.to is None:
        return "the smallest of its range"
    if not broken.outcome.fits:
        return f"{_number(broken.to)}: {broken.outcome.binding} does not suffice"
    if not broken.excess:
        return f"{_number(broken.to)}: meets the target, on a larger board"
    missed = ", ".join(f"{name} misses by {100 * excess:.3g} %" for name, excess in broken.excess.items())
    return f"{_number(broken.to)}: {missed}; bound by {broken.outcome.binding}"


def _outcome(study: Sizing) -> Sheet:
    outcome, target = study.outcome, study.target

    def asked(value: float | None, text: str) -> str:
        return "-" if value is None else text.format(value)

    latency = f"{outcome.latency_ms:,.4g} ms ({outcome.latency_cycles:,} cycles)"
    area = "not stated" if outcome.area_mm2 is None else f"{outcome.area_mm2:,.4g} mm2"
    rows = (
        ("latency", latency, asked(target.latency_ms, "at most {:g} ms")),
        ("throughput", f"{outcome.images_per_second:,.4g} images/s", asked(target.images_per_second, "at least {:g} images/s")),
        ("energy", f"{outcome.energy_mj:,.4g} mJ", asked(target.energy_mj, "at most {:g} mJ")),
        ("chips", f"{outcome.chips}", "-"),
        ("cores in use", f"{outcome.synapse_cores:,} synapse, {outcome.ec_cores:,} EC", "-"),
        ("area", area, "-"),
    )
    caption = f"Bound by {outcome.binding}: {outcome.why}."
    return Sheet("What it does, per image", ("", "answer", "target"), rows, caption=caption)


def _marginals(study: Sizing) -> Sheet:
    return Sheet(
        "Marginal values, by the difference of two schedules",
        ("parameter", "from", "to", "cycles per unit", "pJ per unit", ""),
        tuple(_marginal(marginal) for marginal in study.marginals),
        prose=("",),
        caption="Change of latency, and of energy per image, for each KiB, lane, unit or bit more; negative is better. A larger "
        "memory leaks more, and holds the graph on fewer cores, which may be slower.",
    )


def _marginal(marginal: Marginal) -> tuple[str, ...]:
    figures = (marginal.cycles_per_unit, marginal.pj_per_unit)
    texts = ("-" if value is None else f"{value:+,.4g}" for value in figures)
    return (marginal.parameter, _number(marginal.at), _number(marginal.to), *texts, marginal.why)


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
