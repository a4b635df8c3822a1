"""The front door of the stage: a PyTorch model and calibration images to a SpikingGraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import Batches, Progress, calibrate, graph_dtype
from synaptile.conversion.extra import require_torch
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import ImageFolder, open_folder, source_of
from synaptile.conversion.spikezip.calibrate import calibrate_spikezip
from synaptile.conversion.text.encoder import TextEncoder
from synaptile.conversion.text.tokenizer import encode, read_sentences
from synaptile.foundation.errors import CalibrationError, ImageError, InputError, ModelError

if TYPE_CHECKING:
    import torch

Calibration = str | Path | Batches | Sequence[str]
METHODS = ("ecmt", "spikezip")


def convert(
    model: torch.nn.Module | TextEncoder,
    calibration: Calibration | None = None,
    *,
    method: str = "ecmt",
    preset: str = "paper",
    n: int | None = None,
    p: float = 0.99,
    thresholds: Mapping[str, tuple[float, float, int]] | None = None,
    levels: int | None = None,
    input: str | None = None,
    keep_activations: bool | None = None,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Convert a timm model or a text encoder into a spiking network, by ECMT or SpikeZIP-TF (post-training).

    Args:
        model: a PyTorch model with one image input, as timm builds them; its parameters' dtype is the graph's. Or a text encoder
            from `load_text_encoder`, which needs no torch.
        calibration: a folder of images (timm's own evaluation transform), preprocessed images of shape (images, channels, H, W),
            or an iterable of such batches. For a text encoder: a file of sentences, one a line, a list of them, or `Tokens`. May
            be None where `thresholds` covers every site.
        method: ``"ecmt"`` or ``"spikezip"``.
        preset: ``"paper"`` or ``"released"`` (what the published code does; see the design notes on counting).
        n: thresholds a sign; None takes the paper's 8, and 6 for EVA.
        p: quantile of Algorithm 1.
        thresholds: ``{site: (theta1, theta2, n)}`` that replace measured and preset ones.
        levels: SpikeZIP's levels a quantiser, a power of two; None takes the paper's 32.
        input: SpikeZIP's input, ``"analog"`` (the default: the image at the first step) or ``"rate"`` (a `levels`-th of it for as
            many steps). `preset`, `n`, `p` and `thresholds` are ECMT's; `levels`, `input` and `keep_activations` SpikeZIP's.
        keep_activations: leave GELU in place, where SpikeZIP puts the ReLU that it then has to be trained for.
        batch_size: images a batch, where `calibration` is a folder or one array; quantiles are averaged over batches.
        progress: called with (images done, images in all).

    Raises:
        ModelError, UnsupportedOperator: the model cannot be traced or lowered, or the lowered graph disagrees with it.
        InputError: a method that does not exist, or arguments of the other one.
        WeightsError: parameters that are not finite. CalibrationError, ImageError: calibration that cannot be used.

    Source: the ECMT paper, Algorithm 1 and Table 1; the SpikeZIP-TF paper.
    """
    own: dict[str, Any] = {"levels": levels, "input": input, "keep_activations": keep_activations}
    _check_arguments(method, {"preset": preset, "n": n, "p": p, "thresholds": thresholds}, own)
    if calibration is None and method == "spikezip":
        raise CalibrationError("SpikeZIP takes its step sizes from calibration images or sentences: give some")
    if calibration is None and not thresholds:
        raise CalibrationError("no calibration images or sentences, and no thresholds for every site: give one or the other")
    if isinstance(calibration, str | Path) and not isinstance(model, TextEncoder):
        calibration = _timm_batches(open_folder(calibration), model, batch_size, progress)
    lowered = model.lowered if isinstance(model, TextEncoder) else lower_model(model)
    samples: Batches | None
    if isinstance(model, TextEncoder):
        if preset != "paper":
            raise InputError(f"preset {preset!r} is what published code does for vision transformers: text takes 'paper'")
        samples = _sentences(calibration, lowered)
    else:
        samples = cast(Batches | None, calibration)
    if method == "spikezip":
        assert samples is not None
        if not isinstance(model, TextEncoder):
            check_against_model(lowered, model)
        shown: dict[str, Any] = {"levels": 32 if levels is None else levels, "presentation": input or "analog"}
        return calibrate_spikezip(lowered, samples, **shown, keep_activations=bool(keep_activations), progress=progress)
    graph = calibrate(lowered, samples, preset=preset, n=n, p=p, thresholds=thresholds, batch_size=batch_size, progress=progress)
    if not isinstance(model, TextEncoder):
        check_against_model(graph, model)
    return graph


def _sentences(calibration: Calibration | None, graph: SpikingGraph) -> Batches | None:
    """A text encoder's calibration set: a file of sentences or a list of them encoded, anything else as it is."""
    if isinstance(calibration, str | Path):
        return encode(read_sentences(calibration), graph)
    if isinstance(calibration, Sequence) and calibration and all(isinstance(one, str) for one in calibration):
        return encode(cast(Sequence[str], calibration), graph)
    return cast(Batches | None, calibration)


def _check_arguments(method: str, ecmt: Mapping[str, object], spikezip: Mapping[str, object]) -> None:
    if method not in METHODS:
        raise InputError(f"method {method!r} does not exist; methods are {', '.join(METHODS)}")
    defaults = {"preset": "paper", "p": 0.99}
    others = spikezip if method == "ecmt" else {name: value for name, value in ecmt.items() if value != defaults.get(name)}
    if surplus := [name for name, value in others.items() if value is not None]:
        raise InputError(f"method {method!r} takes no {', '.join(surplus)}: leave it out, or use the other method")


def lower_model(model: torch.nn.Module) -> SpikingGraph:
    """The model's ECMT structure with its weights, every MT threshold still at 1: what `calibrate` completes without torch."""
    require_torch()
    from synaptile.conversion.lowering import lower
    from synaptile.conversion.trace import trace_model

    lowered = lower(trace_model(model))
    facts = {**lowered.metadata, "versions": {package: version(package) for package in ("torch", "timm")}}
    return SpikingGraph.build(lowered.name, lowered.nodes.values(), lowered.arrays, facts)


def check_against_model(graph: SpikingGraph, model: torch.nn.Module) -> float:
    """Compare the graph's dense ANN with the model itself on one pseudo-random image; return the largest difference.

    The difference is relative to the largest logit; ModelError where it exceeds 1e-3 (float32) or 1e-9 (float64).
    """
    import torch

    from synaptile.conversion.trace import evaluating

    dtype = graph_dtype(graph)
    image = np.random.default_rng(0).standard_normal((1, *source_of(graph).image_shape)).astype(dtype)
    with evaluating(model), torch.no_grad():
        output = model(torch.from_numpy(image))
    if not isinstance(output, torch.Tensor):
        raise ModelError(f"model {graph.name} returns {type(output).__name__}, needs one tensor of logits")
    expected = output.numpy()
    found = ann_forward(graph, image)
    difference = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-12))
    limit = 1e-9 if dtype == np.float64 else 1e-3
    if not difference <= limit:
        raise ModelError(f"model {graph.name}: the lowered graph differs from the model by {difference:.2g}, limit {limit:g}")
    return difference


def _timm_batches(
    found: ImageFolder, model: torch.nn.Module, size: int, progress: Progress | None
) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(found), size):
        yield _timm_batch(found.paths[start : start + size], model)
        if progress is not None:
            progress(min(start + size, len(found)), len(found))


def _timm_batch(paths: tuple[Path, ...], model: torch.nn.Module) -> NDArray[np.float32]:
    """Image files through timm's own evaluation transform of the model."""
    import torch
    from PIL import Image, UnidentifiedImageError
    from timm.data import create_transform, resolve_data_config

    from synaptile.conversion.trace import preprocessing_of

    config = resolve_data_config({}, model=model) | {"input_size": preprocessing_of(model).image_shape}
    transform = create_transform(**config, is_training=False)
    rows = []
    for path in paths:
        try:
            with Image.open(path) as image:
                rows.append(transform(image.convert("RGB")))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise ImageError(f"{path}: not a readable image: {error}") from error
    return np.asarray(torch.stack(rows).numpy(), np.float32)
