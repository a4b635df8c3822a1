"""Is a method an object that checks itself, and are the keywords of `convert` the same thing in other words?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.conversion.calibrate import ECMT, calibrate
from synaptile.conversion.convert import METHODS, convert, method_of
from synaptile.conversion.method import Method
from synaptile.conversion.spikezip import SpikeZIP, calibrate_spikezip
from synaptile.conversion.text.encoder import load_text_encoder
from synaptile.foundation.errors import CalibrationError, InputError
from synaptile.foundation.options import METHOD_NAMES
from tests.graphs import vit_graph
from tests.simulator.runs import some_images
from tests.text.small_encoders import sentences, write_folder

THRESHOLDS = {"head.in": (0.5, 0.25, 3)}


@pytest.mark.parametrize(
    ("method", "name", "keywords"),
    [
        (ECMT(), "ecmt", {}),
        (ECMT("released", 4, 0.95, THRESHOLDS), "ecmt", {"preset": "released", "n": 4, "p": 0.95, "thresholds": THRESHOLDS}),
        (ECMT(n=4), "ecmt", {"n": 4, "p": None, "levels": None}),
        (SpikeZIP(), "spikezip", {}),
        (SpikeZIP(8, "rate", True), "spikezip", {"levels": 8, "input": "rate", "keep_activations": True}),
    ],
)
def test_keywords_make_the_object(method: Method, name: Any, keywords: Any) -> None:
    assert method_of(name, keywords) == method
    assert method_of(method, {}) is method


def test_every_method_has_its_name() -> None:
    assert tuple(METHODS) == METHOD_NAMES


def test_a_graph_is_the_same_by_object_by_name_and_without_the_front_door(tmp_path: Any) -> None:
    encoder, calibration = load_text_encoder(write_folder(tmp_path)), sentences([5, 4, 3, 6], seed=9)
    by_object = convert(encoder, calibration, method=ECMT(n=5, p=0.95), batch_size=2)
    assert by_object.digest == convert(encoder, calibration, n=5, p=0.95, batch_size=2).digest
    assert by_object.digest == calibrate(encoder.lowered, calibration, n=5, p=0.95, batch_size=2).digest
    quantised = convert(encoder, calibration, method=SpikeZIP(16, keep_activations=True))
    assert quantised.digest == convert(encoder, calibration, method="spikezip", levels=16, keep_activations=True).digest
    assert quantised.digest == calibrate_spikezip(encoder.lowered, calibration, levels=16, keep_activations=True).digest


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ECMT, {"preset": "published"}, "preset 'published' does not exist; presets are paper, released"),
        (ECMT, {"n": 0}, "n 0 is no number of thresholds per sign"),
        (ECMT, {"n": "8"}, "n '8' is no number"),
        (ECMT, {"n": 2.5}, "n 2.5 is no number"),
        (ECMT, {"p": None}, r"p is None, needs to lie between 0\.5 and 1"),
        (ECMT, {"p": "0.9"}, r"p is '0\.9', needs to lie"),
        (ECMT, {"thresholds": [("head.in", 1.0)]}, "thresholds are a list: give {site"),
        (ECMT, {"thresholds": {"head.in": (0.0, 1.0, 8)}}, "site 'head.in': theta1 0"),
        (SpikeZIP, {"levels": 20}, "levels is 20"),
        (SpikeZIP, {"levels": None}, "levels is None"),
        (SpikeZIP, {"presentation": "poisson"}, "input 'poisson' does not exist; inputs are analog, rate"),
        (SpikeZIP, {"keep_activations": "yes"}, "keep_activations is 'yes', needs True or False"),
    ],
)
def test_a_method_checks_what_it_is_given(kind: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ("method", "keywords", "message"),
    [
        ("magic", {}, "method 'magic' does not exist; methods are ecmt, spikezip, differential"),
        (8, {}, "method 8 does not exist"),
        ("ecmt", {"levels": 8, "input": "rate"}, "method 'ecmt' takes no levels, input; it takes preset, n, p, thresholds"),
        ("spikezip", {"p": 0.99}, "method 'spikezip' takes no p; it takes levels, input, keep_activations"),
        (ECMT(), {"n": 8}, r"n beside a method that is made: give it to ECMT\(\.\.\.\)"),
        ("ecmt", {"quantile": 0.9}, "method 'ecmt' takes no quantile"),
    ],
)
def test_keywords_that_are_not_the_methods(method: Any, keywords: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method_of(method, keywords)


@pytest.mark.parametrize("model", ["vit", None, np.zeros(3)])
def test_a_model_that_is_none_is_refused_by_its_type(model: Any) -> None:
    with pytest.raises(InputError, match=r"model is a .*: give a PyTorch model, for instance st\.load_timm\(name\)"):
        convert(model, np.zeros((1, 3, 4, 4), np.float32))


def test_a_method_says_when_it_needs_samples() -> None:
    assert ECMT().needs_samples and SpikeZIP().needs_samples and not ECMT(thresholds=THRESHOLDS).needs_samples
    graph = vit_graph(1, 5, 8, 2, 16, 3)
    with pytest.raises(CalibrationError, match="step sizes from calibration images"):
        SpikeZIP().apply(graph, None)
    with pytest.raises(CalibrationError, match="do not cover every site"):
        ECMT(thresholds=THRESHOLDS).apply(graph, None)
    assert SpikeZIP(8).apply(graph, some_images(graph, 4)).metadata["levels"] == 8
