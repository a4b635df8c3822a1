"""A timm (or any PyTorch) model to the ATen graph that the lowering reads."""

from __future__ import annotations

import io
import logging
import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import ImageSource
from synaptile.foundation.errors import ModelError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram


@dataclass(frozen=True)
class TracedModel:
    """An exported model in evaluation mode with batch size 1, its constants by placeholder name and its image source."""

    name: str
    program: ExportedProgram
    constants: dict[str, torch.Tensor]
    constant_names: dict[str, str]
    source: ImageSource


def trace_model(model: torch.nn.Module, image_shape: tuple[int, int, int] | None = None) -> TracedModel:
    """Export `model` with ``torch.export``, attention unfused, in-place operators made functional.

    `image_shape` (channels, height, width) holds for a model that carries no shape of its own.

    Raises ModelError where the model has no single image input or cannot be exported, WeightsError where a parameter is
    not finite, or neither float32 nor float64.
    """
    import torch

    source = image_source(model, image_shape)
    reference = next(iter(model.parameters()), None)
    if reference is None:
        raise ModelError(f"model {type(model).__name__} has no parameters: nothing to convert")
    buffers = {name for name, _ in model.named_buffers()}
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if tensor.is_meta or tensor.dtype not in (torch.float32, torch.float64):
            stored = "on the meta device, without values" if tensor.is_meta else str(tensor.dtype)
            raise WeightsError(f"weights: {name!r} is {stored}, needs float32 or float64: load the weights, call model.float()")
        if name not in buffers and not torch.isfinite(tensor).all():  # a buffer may be a mask that nobody reads
            bad = int((~torch.isfinite(tensor)).sum())
            raise WeightsError(f"weights: {name!r} holds {bad} values that are NaN or infinite: repair the checkpoint")
    example = torch.zeros(1, *source.image_shape, dtype=reference.dtype)
    with _unfused_attention(model), evaluating(model), _quiet(), torch.no_grad():
        try:
            program = torch.export.export(model, (example,), strict=False)
            if any(_changes_its_input(entry.target) for entry in program.graph.nodes):
                program = program.run_decompositions({})
        except Exception as error:
            shape = " x ".join(map(str, source.image_shape))
            why = _why_not_traced(error)
            raise ModelError(f"torch.export cannot trace {type(model).__name__} on an image of {shape}: {why}") from error
    constants: dict[str, torch.Tensor] = {}
    names: dict[str, str] = {}
    signature = program.graph_signature
    lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    read = {e.name for e in program.graph.nodes if any("clamp" not in str(user.target) for user in e.users)}  # see `_clamp`
    for placeholder, target in lifted.items():
        stored = program.state_dict.get(target, program.constants.get(target))
        if isinstance(stored, torch.Tensor):
            if placeholder in read and not torch.isfinite(stored).all():
                raise WeightsError(
                    f"weights: buffer {target!r} holds values that are NaN or infinite, "
                    "which no unit computes with: leave out a mask of -inf "
                    "(every token attends to every token) or the limits of a clamp that are open; NaN: repair the checkpoint"
                )
            constants[placeholder] = stored.detach()
            names[placeholder] = target
    return TracedModel(_name_of(model), program, constants, names, source)


def _why_not_traced(error: Exception) -> str:
    """What torch says in a line, the last line of the model's own code that it went through, and what to do."""
    import torch

    said = (str(error).splitlines() or [type(error).__name__])[0]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if Path(torch.__file__).parent not in Path(frame.filename).parents]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    if "data-dependent" in said:
        remedy = "what is computed depends on the image's values: write it without `if`, loops and `.item()` on them"
    else:
        remedy = "give calibration images of the shape that the model takes, or let it take theirs"
    return f"{said}{where}: {remedy}"


def image_source(model: torch.nn.Module, image_shape: tuple[int, int, int] | None = None) -> ImageSource:
    """The source of a model's graph, with timm's data configuration; the model's actual image size precedes the pretrained one's.

    `image_shape` is used where the model itself has no shape.

    Raises ModelError where there is no such configuration.
    """
    import torch
    from timm.data import resolve_data_config

    try:
        config = resolve_data_config({}, model=model)
        shape = image_shape if image_shape and not getattr(model, "pretrained_cfg", None) else config["input_size"]
        embedding = getattr(model, "patch_embed", None)
        if size := getattr(embedding, "img_size", None):
            shape = (shape[0], *size)
        modules = embedding.modules() if isinstance(embedding, torch.nn.Module) else ()
        if channels := next((m.in_channels for m in modules if isinstance(m, torch.nn.Conv2d)), None):
            shape = (channels, *shape[1:])  # of the first convolution: a hybrid's projection stands behind its stem
        shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        return ImageSource(
            "image",
            (),
            (1, math.prod(shape)),
            shape,
            _triple(config["mean"]),
            _triple(config["std"]),
            float(config["crop_pct"]),
            str(config["interpolation"]),
            str(config.get("crop_mode") or "center"),
        )
    except Exception as error:
        raise ModelError(f"model {type(model).__name__} carries no timm data configuration: {error}") from error


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _name_of(model: torch.nn.Module) -> str:
    config = getattr(model, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or type(model).__name__)


def _changes_its_input(target: Any) -> bool:
    return bool(getattr(getattr(target, "_schema", None), "is_mutable", False))


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch logs and prints traceback and graph of what it cannot export; the error that follows says it in a line."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _unfused_attention(model: torch.nn.Module) -> Iterator[None]:
    """Timm decides on fused attention when a module is built; switch it off for the trace alone."""
    switched = [module for module in model.modules() if getattr(module, "fused_attn", False)]
    for module in switched:
        module.fused_attn = False  # type: ignore[assignment]  # timm's flag is a plain bool, not a Module
    try:
        yield
    finally:
        for module in switched:
            module.fused_attn = True  # type: ignore[assignment]  # as above


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """The model in evaluation mode, for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
