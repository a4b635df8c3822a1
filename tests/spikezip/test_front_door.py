"""Does `convert` take the method, on Python's side and the command line's, and refuse the other method's arguments?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.cli import main
from synaptile.conversion.convert import convert
from synaptile.conversion.graph import STBIFNeurons, load_graph
from synaptile.conversion.images import source_of
from synaptile.conversion.spikezip import qann_levels
from synaptile.foundation.errors import CalibrationError, InputError
from synaptile.simulator import reference

pytest.importorskip("torch", reason="torch is not installed: models cannot be converted (extra `convert`)")


@pytest.fixture(scope="module")
def model() -> Any:
    from tests.conversion.small_models import small_vit

    return small_vit()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    from tests.conversion.small_models import random_images

    return random_images(12)


def test_convert_and_settle(model: Any, images: np.ndarray) -> None:
    graph = convert(model, images, method="spikezip", levels=16, input="rate")
    assert (graph.metadata["method"], graph.metadata["levels"], source_of(graph).rate_steps) == ("spikezip", 16, 16)
    assert graph.metadata["calibration_images"] == 12 and graph.metadata["versions"].keys() == {"torch", "timm"}
    chosen = images[:2].astype(np.float64)
    run = reference(graph, chosen, 100)
    assert run.settled is not None and run.settled.all()
    np.testing.assert_allclose(run.logits[-1], qann_levels(graph, chosen)[0], rtol=0, atol=1e-9)


def test_batches_and_arrays_calibrate_alike(model: Any, images: np.ndarray) -> None:
    whole = convert(model, images, method="spikezip")
    assert whole.digest == convert(model, iter([images[:5], images[5:]]), method="spikezip").digest
    assert {site.levels for site in whole.of_type(STBIFNeurons)} == {32}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "spikezap"}, "methods are ecmt, spikezip"),
        ({"method": "spikezip", "preset": "released"}, "takes no preset"),
        ({"method": "spikezip", "n": 8, "thresholds": {}}, "takes no n, thresholds"),
        ({"method": "spikezip", "p": 0.9}, "takes no p"),
        ({"method": "ecmt", "levels": 32}, "takes no levels"),
        ({"input": "analog"}, "takes no input"),
        ({"method": "spikezip", "levels": 20}, "power of two"),
        ({"method": "spikezip", "levels": 0}, "power of two"),
        ({"method": "spikezip", "input": "poisson"}, "inputs are analog, rate"),
    ],
)
def test_arguments_that_do_not_exist(model: Any, images: np.ndarray, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert(model, images, **arguments)


def test_no_calibration(model: Any) -> None:
    with pytest.raises(CalibrationError, match="step sizes from calibration images"):
        convert(model, None, method="spikezip")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["synaptile", *(str(argument) for argument in arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.mark.slow
def test_on_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "digits.spk"
    assert (
        command(monkeypatch, "convert", "digits", "--method", "spikezip", "--levels", 16, "--input", "analog", "-o", target) == 0
    )
    assert "spikezip, 16 levels" in " ".join(capsys.readouterr().out.split())
    assert {site.kind for site in load_graph(target).sites} == {"stbif"}
    assert (
        command(monkeypatch, "convert", "digits", "--method", "spikezip", "--preset", "released", "-o", tmp_path / "no.spk") == 2
    )
    assert "takes no preset" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "no.spk").exists()
