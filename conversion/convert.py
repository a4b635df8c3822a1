"""The front door of the stage: a PyTorch model and calibration images to a SpikingGraph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack, cast

import numpy as np

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import ECMT
from synaptile.conversion.differential import Differential
from synaptile.conversion.differential.method import Thetas
from synaptile.conversion.extra import is_module, require_torch
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import batches, open_folder, source_of
from synaptile.conversion.method import Batches, Method
from synaptile.conversion.spikezip.calibrate import SpikeZIP
from synaptile.conversion.text.encoder import TextEncoder
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.conversion.thresholds import Thresholds
from synaptile.foundation.errors import CalibrationError, InputError, ModelError
from synaptile.foundation.options import FinitePresentation, MethodName, Preset
from synaptile.foundation.types import Progress

if TYPE_CHECKING:
    import torch

Calibration: TypeAlias = str | Path | Batches | Sequence[str]

METHODS: Mapping[str, type[Method]] = {method.name: method for method in (ECMT, SpikeZIP, Differential)}
"""Every method by its name: a further one is a dataclass of its own, listed here."""


class Choices(TypedDict, total=False):
    """What `convert` takes for a method that is given by name: the fields of the methods; None is not given."""

    preset: Preset | None
    n: int | None
    p: float | None
    scale: float | None
    thresholds: Thresholds | Thetas | None
    levels: int | None
    input: FinitePresentation | None
    """`SpikeZIP.presentation`."""
    keep_activations: bool | None


def convert(
    model: torch.nn.Module | TextEncoder,
    calibration: Calibration | None = None,
    *,
    method: Method | MethodName = "ecmt",
    batch_size: int = 8,
    progress: Progress | None = None,
    share_weights: bool = False,
    **choices: Unpack[Choices],
) -> SpikingGraph:
    """Convert a timm model or a text encoder into a spiking network, by ECMT, SpikeZIP-TF (post-training) or differential coding.

    Args:
        model: a PyTorch model with one image input, as timm builds them; its parameters' dtype is the graph's. Or a text encoder
            from `load_text_encoder`, which needs no torch.
        calibration: a folder of images (preprocessed as the model asks), preprocessed images of shape (images, channels, H, W),
            or an iterable of such batches. For a text encoder: a file of sentences, one per line, a list of them, or `Tokens`.
            May be None where `thresholds` covers every site.
        method: ``ECMT(...)``, ``SpikeZIP(...)`` or ``Differential(...)``; or ``"ecmt"``, ``"spikezip"`` or ``"differential"``,
            with `choices` that differ from the defaults.
        batch_size: images per batch, where `calibration` is a folder or one array; quantiles are averaged over batches.
        progress: called with (images done, images in all).
        share_weights: weights that need no change stay in the model's own memory, half of what both take; for a model that is not
            trained on afterwards.
        choices: for a method given by name: `preset`, `n`, `p` and `thresholds` of `ECMT`; `levels`, `input` (its `presentation`)
            and `keep_activations` of `SpikeZIP`; `n`, `scale` and `thresholds` of `Differential`.

    Raises:
        ModelError, UnsupportedOperator: the model cannot be traced or lowered, or the lowered graph disagrees with it.
        InputError: a method that does not exist, arguments of another one, or a model that is none.
        WeightsError: parameters that are not finite. CalibrationError, ImageError: calibration that cannot be used.

    Source: the ECMT paper, Algorithm 1 and Table 1; the SpikeZIP-TF paper; Huang et al., ICML 2025 (arXiv 2503.00301).
    """
    how = method_of(method, choices)
    if calibration is None and how.needs_samples:
        raise CalibrationError(how.uncalibrated)
    if isinstance(model, TextEncoder):
        sentences = _sentences(calibration, model.lowered)
        return how.apply(model.lowered, sentences, batch_size=batch_size, progress=progress)
    if not is_module(model):
        raise InputError(
            f"model is a {type(model).__name__}, {model!r:.60}: give a PyTorch model, for instance st.load_timm(name), "
            "or a text encoder from st.load_text_encoder(folder)"
        )
    folder = open_folder(calibration) if isinstance(calibration, str | Path) else None
    lowered = lower_model(model, _image_shape(calibration), shares=share_weights)
    check_against_model(lowered, model)
    if folder is None:
        samples = cast(Batches | None, calibration)
    else:
        samples = batches(folder.paths, source_of(lowered), batch_size, progress)
    return how.apply(lowered, samples, batch_size=batch_size, progress=progress)


def method_of(method: Method | MethodName, choices: Mapping[str, object]) -> Method:
    """The method itself, or the one of that name with what is given of `Choices`. Raises InputError, CalibrationError."""
    given = {name: value for name, value in choices.items() if value is not None}
    if isinstance(method, Method):
        if given:
            raise InputError(f"{', '.join(given)} beside a method that is made: give it to {type(method).__name__}(...)")
        return method
    if method not in METHODS:
        raise InputError(f"method {method!r} does not exist; methods are {', '.join(METHODS)}")
    kind = METHODS[method]
    build: Callable[..., Method] = kind  # each has fields of its own
    fields = {"input" if field.name == "presentation" else field.name: field.name for field in dataclasses.fields(kind)}
    if surplus := [name for name in given if name not in fields]:
        raise InputError(f"method {method!r} takes no {', '.join(surplus)}; it takes {', '.join(fields)}")
    return build(**{fields[name]: value for name, value in given.items()})


def _sentences(calibration: Calibration | None, graph: SpikingGraph) -> Batches | None:
    """A text encoder's calibration set: a file of sentences or a list of them encoded, anything else as it is."""
    if isinstance(calibration, str | Path):
        return encode(read_sentences(calibration), graph)
    if isinstance(calibration, Sequence) and calibration and all(isinstance(one, str) for one in calibration):
        return encode(cast(Sequence[str], calibration), graph)
    return cast(Batches | None, calibration)


def _image_shape(calibration: object) -> tuple[int, int, int] | None:
    """(channels, H, W) of calibration images in memory; None for a folder and for batches that can be read only once.

    Raises CalibrationError for an array of other dimensions.
    """
    first = calibration[0] if isinstance(calibration, list | tuple) and calibration else calibration
    if not hasattr(first, "shape"):
        return None
    if len(first.shape) != 4:
        raise CalibrationError(f"calibration images: shape {tuple(first.shape)}, needs (images, channels, height, width)")
    return (int(first.shape[1]), int(first.shape[2]), int(first.shape[3]))


def lower_model(model: torch.nn.Module, image_shape: tuple[int, int, int] | None = None, *, shares: bool = False) -> SpikingGraph:
    """The model's ECMT structure with its weights, every MT threshold still at 1: what a `Method` completes without torch.

    `image_shape` (channels, H, W) holds for a model that carries no shape of its own; `shares`: `share_weights` of `convert`.
    """
    require_torch()
    from synaptile.conversion.lowering import lower
    from synaptile.conversion.trace import trace_model

    lowered = lower(trace_model(model, image_shape), shares=shares)
    facts = {**lowered.metadata, "versions": {package: version(package) for package in ("torch", "timm")}}
    return SpikingGraph.build(lowered.name, lowered.nodes.values(), lowered.arrays, facts)


def check_against_model(graph: SpikingGraph, model: torch.nn.Module) -> float:
    """Compare the graph's dense ANN with the model itself on one pseudo-random image; return the largest difference.

    The difference is relative to the largest logit; ModelError where it exceeds 1e-3 (float32, and models that turn
    to float32 on their way whatever their parameters are) or 1e-9 (float64).
    """
    import torch

    from synaptile.conversion.trace import evaluating

    image = np.random.default_rng(0).standard_normal((1, *source_of(graph).image_shape)).astype(graph.dtype)
    with evaluating(model), torch.no_grad():
        output = model(torch.from_numpy(image))
    output = getattr(output, "logits", output)  # Hugging Face's output object
    if not isinstance(output, torch.Tensor):
        raise ModelError(f"model {graph.name} returns {type(output).__name__}, needs one tensor of logits")
    expected = output.numpy()
    difference = float(np.abs(ann_forward(graph, image) - expected).max() / max(float(np.abs(expected).max()), 1e-12))
    limit = 1e-9 if graph.dtype == np.float64 and "rounds" not in graph.metadata else 1e-3
    if not difference <= limit:
        raise ModelError(f"model {graph.name}: the lowered graph differs from the model by {difference:.2g}, limit {limit:g}")
    return difference
