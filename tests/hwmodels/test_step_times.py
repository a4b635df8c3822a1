"""Are unit times of a step refused by name where they cannot be?"""

from __future__ import annotations

from typing import Any

import pytest

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import load_chip
from synaptile.hwmodels.load import chip_from_document
from synaptile.hwmodels.stored import chip_document


def loaded(chip: str = "loihi-calibrated", **times: Any) -> None:
    document = chip_document(load_chip(chip))
    own = document.setdefault("step_times", chip_document(load_chip("loihi-calibrated"))["step_times"])
    for key, value in times.items():
        own[key] = {"value": value, "assumed": "a test"} if isinstance(value, int | float) and value is not True else value
    chip_from_document({key: value for key, value in document.items() if value is not None}, "test")


def test_a_stored_chip_comes_back_with_them() -> None:
    chip = load_chip("loihi-calibrated")
    assert chip_from_document(chip_document(chip), "test") == chip
    assert chip.digest != load_chip("loihi").digest
    loaded()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"buffer_messages": 0}, r"step_times\.buffer_messages.* 0"),
        ({"sparse_synop_ns": 0.0}, r"step_times\.sparse_synop_ns"),
        (
            {"dense_synop_ns": None, "linear_format": "dense"},
            r"linear_format is dense, but step_times\.dense_synop_ns is missing",
        ),
        ({"convolution_format": "shared"}, r"step_times\.convolution_format"),
        (
            {"barrier_ns": {"x": {"value": 1.0, "assumed": "a test"}}},
            r"barrier_ns\.x is no number of tiles: write one from 1 to 32",
        ),
        ({"barrier_ns": {"33": {"value": 1.0, "assumed": "a test"}}}, r"barrier_ns\.33 is no number of tiles"),
        ({"chip": "loihi2", "message_in": 3.0}, r"step_times\.message_in"),
    ],
)
def test_figures_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ChipError, match=words):
        loaded(**changes)


def test_a_chip_without_barriers_has_none() -> None:
    with pytest.raises(ChipError, match="step_times is given, but synchronisation is dataflow"):
        loaded("ecmt45")
