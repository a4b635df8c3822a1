"""A sizing study: the smallest chip, what it does, and what more of each parameter would bring."""

from __future__ import annotations

from synaptile.report.views.document import Document, Sheet
from synaptile.studies.sizing.answer import Break, Marginal, Sizing, value_text


def sizing_document(study: Sizing) -> Document:
    """The whole study."""
    title = f"Smallest {study.chip} for {study.graph}: {study.target}"
    return Document(title, (_answer(study), _outcome(study), _marginals(study)), warnings=study.synthetic)


def _answer(study: Sizing) -> Sheet:
    floors = {floor.knob: floor.smallest for floor in study.floors}
    rows = []
    for knob, broken in zip(study.knobs, study.breaks, strict=True):
        first, last, alone = knob.values[0], knob.values[-1], floors.get(knob.name)
        span = f"{value_text(first)} to {value_text(last)}" if len(knob.values) > 1 else value_text(first)
        if isinstance(first, str):
            span = ", ".join(map(str, knob.values))
        answer, alone_text = value_text(study.answer[knob.name]), "-" if alone is None else value_text(alone)
        rows.append((knob.name, answer, span, alone_text, break_text(broken, study.cost_unit)))
    return Sheet(
        "The smallest chip",
        ("parameter", "answer", "of", "alone", "one value lower, or another word"),
        tuple(rows),
        prose=("one value lower, or another word",),
        caption=f"{study.statement}.\n"
        f"Size: {study.cost:,.5g} {study.cost_unit}. Alone: the smallest value that meets the target while all others are large.",
    )


def break_text(broken: Break, unit: str) -> str:
    """What happens one value lower, in words and by the figures of the chip that has it."""
    outcome = broken.outcome
    if outcome is None or broken.to is None:
        return "the only one" if isinstance(broken.at, str) else "the smallest of its range"
    to = value_text(broken.to)
    if not outcome.fits:
        return f"{to}: does not suffice: {outcome.why}"
    board = f" on {outcome.chips} chips" if outcome.chips > 1 else ""
    size = "" if broken.cost is None else f"{broken.cost:,.5g} {unit}{board}"
    if not broken.excess:
        return f"{to}: meets the target too, with {size}"
    figures = {
        "latency": f"{outcome.latency_ms:,.4g} ms",
        "throughput": f"{outcome.images_per_second:,.4g} images/s",
        "energy": f"{outcome.energy_mj:,.4g} mJ",
    }
    missed = ", ".join(f"{name} misses by {100 * excess:.3g} % ({figures[name]})" for name, excess in broken.excess.items())
    return f"{to}: {missed} with {size}; bound by {outcome.binding}"


def _outcome(study: Sizing) -> Sheet:
    outcome, target = study.outcome, study.target

    def asked(value: float | None, text: str) -> str:
        return "-" if value is None else text.format(value)

    latency = f"{outcome.latency_ms:,.4g} ms ({outcome.latency_cycles:,} cycles)"
    area = "not stated" if outcome.area_mm2 is None else f"{outcome.area_mm2:,.4g} mm2"
    streamed = f"{outcome.images_per_second:,.4g} images/s" if outcome.images_per_second else "not streamed"
    rows = [
        ("latency", latency, asked(target.latency_ms, "at most {:g} ms")),
        ("throughput", streamed, asked(target.images_per_second, "at least {:g} images/s")),
        ("energy", f"{outcome.energy_mj:,.4g} mJ", asked(target.energy_mj, "at most {:g} mJ")),
        ("chips", f"{outcome.chips}", "-"),
        ("cores in use", f"{outcome.synapse_cores:,} synapse, {outcome.ec_cores:,} EC", "-"),
        ("area", area, "-"),
    ]
    if outcome.phases > 1:
        rows.append(("phases", f"{outcome.phases}, {outcome.dram_bytes / 2**20:,.4g} MiB to and from DRAM", "-"))
    caption = f"Bound by {outcome.binding}: {outcome.why}."
    if not outcome.recounted:
        caption += (
            " Energies are those of the mapping that was executed: to count this one anew, run with --keep-spikes of all images."
        )
    return Sheet("What it does, per image", ("", "answer", "target"), tuple(rows), caption=caption)


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
    return (marginal.parameter, value_text(marginal.at), value_text(marginal.to), *texts, marginal.why)
