"""What was predicted and what was measured, side by side."""

from __future__ import annotations

from synaptile.report.views.document import Document, Sheet
from synaptile.studies.validation import Prediction, Validation

SHOWN_IMAGES = 8


def validation_document(found: Validation) -> Document:
    """Answers, time of a step by each edition of the chip, the images that were measured one by one, and what was counted."""
    facts = (
        ("source", found.source),
        ("run", f"{found.images} of {found.measured_images} images, {found.steps} steps each"),
        ("right", f"{found.images - len(found.wrong)} of {found.images}"),
        ("wrong here", _answers(found.wrong)),
        ("wrong on the chip", _answers(found.wrong_measured)),
    )
    notes = [
        "Spiking time alone: input, output and management take another "
        f"{found.management_us:g} us per step on the chip, which is not predicted.",
        "No unit time is fitted to this network: each stands with its source in its chip file (synaptile chips NAME).",
        f"Times of the first {found.first_us.size} images were read off a picture (1.35 % per pixel), those of all images off a "
        "histogram with bins of 0.85 us, which does not name them: both sides are compared in rising order.",
    ]
    if not found.whole:
        notes.append(f"Of {found.images} images no mean is compared: it was measured over {found.measured_images}.")
    return Document(
        f"{found.name}: predicted and measured", (_times(found), _images(found), _counts(found)), facts=facts, notes=tuple(notes)
    )


def _times(found: Validation) -> Sheet:
    rows: list[tuple[str, ...]] = [("measured", f"{found.step_us:.3f}", "", "", "", "")]
    rows += [_time_row(found, prediction) for prediction in found.predictions]
    header = ("time of a step", "us", "error", f"rms, first {found.first_us.size}, us", "rms, all in order, us", "barrier, us")
    return Sheet("Time", header, tuple(rows), caption="rms: root of the mean squared error per image.")


def _time_row(found: Validation, prediction: Prediction) -> tuple[str, ...]:
    error, ordered = found.error(prediction), found.sorted_rms_us(prediction)
    return (
        prediction.chip,
        f"{prediction.step_us:.3f}",
        "" if error is None else f"{100 * error:+.1f} %",
        f"{found.rms_us(prediction):.2f}",
        "" if ordered is None else f"{ordered:.2f}",
        f"{prediction.barrier_us:.3f}",
    )


def _images(found: Validation) -> Sheet:
    count = min(found.images, found.first_us.size, SHOWN_IMAGES)
    rows = tuple(
        (
            str(image),
            f"{found.first_us[image]:.2f}",
            *(
                cell
                for one in found.predictions
                for cell in (f"{one.image_us[image]:.2f}", f"{100 * (one.image_us[image] / found.first_us[image] - 1):+.1f} %")
            ),
        )
        for image in range(count)
    )
    header = ("image", "measured, us", *(cell for one in found.predictions for cell in (f"{one.chip}, us", "error")))
    return Sheet("Image by image", header, rows)


def _counts(found: Validation) -> Sheet:
    rows = [("spikes", name, f"{value:,.2f}") for name, value in zip(found.sites, found.spikes, strict=True)]
    rows += [("synaptic operations", name, f"{value:,.1f}") for name, value in zip(found.layers, found.synops, strict=True)]
    return Sheet("Counted", ("what", "where", "per step"), tuple(rows), left=2)


def _answers(wrong: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"image {image} read {given}" for image, given in wrong) or "none"
