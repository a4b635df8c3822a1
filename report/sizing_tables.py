"""A sizing study on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from synaptile.report.style import Sheet, markdown_table, new_sheet
from synaptile.studies.sizing.answer import Break, Marginal, Sizing, Value


def answer_table(study: Sizing) -> Sheet:
    """The smallest chip: every parameter's value, range, smallest value with all others large, and what stops it there."""
    marked = "SYNTHETIC ACTIVITY: " if study.synthetic else ""
    sheet = new_sheet(
        f"{marked}smallest {study.chip} for {study.graph}: {study.target}",
        "parameter",
        "answer",
        "of",
        "alone",
        "one value lower",
        prose=("one value lower",),
        caption=f"{study.statement}.\n"
        f"Size: {study.cost:,.5g} {study.cost_unit}. Alone: the smallest value that meets the target while all others are large.",
    )
    for row in _answers(study):
        sheet.add_row(*row)
    return sheet


def outcome_table(study: Sizing) -> Sheet:
    """What the answer does, beside what was asked for."""
    outcome = study.outcome
    sheet = new_sheet("What it does, an image", "", "answer", "target", caption=f"Bound by {outcome.binding}: {outcome.why}.")
    for row in _outcomes(study):
        sheet.add_row(*row)
    return sheet


def marginal_table(study: Sizing) -> Sheet:
    """What one more unit of each parameter brings."""
    sheet = new_sheet(
        "Marginal values, by the difference of two schedules",
        "parameter",
        "from",
        "to",
        "cycles a unit",
        "pJ a unit",
        "",
        prose=("",),
        caption="Change of latency, and of energy an image, for each KiB, lane, unit or bit more; negative is better. A larger "
        "memory leaks more, and holds the graph on fewer cores, which may be slower.",
    )
    for marginal in study.marginals:
        sheet.add_row(*_marginal(marginal))
    return sheet


def to_json(study: Sizing) -> str:
    """The whole study as JSON text."""
    document = {"format": "synaptile sizing", "version": 1, **asdict(study)}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def to_markdown(study: Sizing) -> str:
    """The tables as Markdown text."""
    blocks = [
        f"# Smallest {study.chip} for {study.graph}",
        "\n".join(f"- {note}" for note in study.synthetic),
        f"Target: {study.target}. Size: {study.cost:,.5g} {study.cost_unit}. {study.statement[0].upper()}{study.statement[1:]}.",
        markdown_table(("parameter", "answer", "of", "alone", "one value lower"), _answers(study)),
        markdown_table(
            ("an image", "answer", "target"),
            _outcomes(study),
        ),
        f"Bound by {study.outcome.binding}: {study.outcome.why}.",
        markdown_table(
            ("parameter", "from", "to", "cycles a unit", "pJ a unit", ""), [_marginal(marginal) for marginal in study.marginals]
        ),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _answers(study: Sizing) -> list[tuple[str, ...]]:
    floors = {floor.knob: floor.smallest for floor in study.floors}
    rows: list[tuple[str, ...]] = []
    for knob, broken in zip(study.knobs, study.breaks, strict=True):
        alone = floors.get(knob.name)
        span = _number(knob.values[0]) if len(knob.values) == 1 else f"{_number(knob.values[0])} to {_number(knob.values[-1])}"
        answer = _number(study.answer[knob.name])
        rows.append((knob.name, answer, span, "-" if alone is None else _number(alone), break_text(broken)))
    return rows


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


def _outcomes(study: Sizing) -> list[tuple[str, ...]]:
    outcome, target = study.outcome, study.target

    def asked(value: float | None, text: str) -> str:
        return "-" if value is None else text.format(value)

    latency = f"{outcome.latency_ms:,.4g} ms ({outcome.latency_cycles:,} cycles)"
    area = "not stated" if outcome.area_mm2 is None else f"{outcome.area_mm2:,.4g} mm2"
    return [
        ("latency", latency, asked(target.latency_ms, "at most {:g} ms")),
        ("throughput", f"{outcome.images_per_second:,.4g} images/s", asked(target.images_per_second, "at least {:g} images/s")),
        ("energy", f"{outcome.energy_mj:,.4g} mJ", asked(target.energy_mj, "at most {:g} mJ")),
        ("chips", f"{outcome.chips}", "-"),
        ("cores in use", f"{outcome.synapse_cores:,} synapse, {outcome.ec_cores:,} EC", "-"),
        ("area", area, "-"),
    ]


def _marginal(marginal: Marginal) -> tuple[str, ...]:
    figures: Sequence[float | None] = (marginal.cycles_per_unit, marginal.pj_per_unit)
    texts = ["-" if value is None else f"{value:+,.4g}" for value in figures]
    return (marginal.parameter, _number(marginal.at), _number(marginal.to), *texts, marginal.why)


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
