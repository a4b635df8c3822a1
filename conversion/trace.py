"""A timm (or any PyTorch) model to the ATen graph that the lowering reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


def trace_model(model: torch.nn.Module) -> TracedModel:
    """Export `model` with ``torch.export``, attention unfused.

    Raises ModelError where the model has no single image input or cannot be exported, WeightsError where a parameter is
    not finite, or neither float32 nor float64.
    """
    import torch

    source = image_source(model)
    reference = next(iter(model.parameters()), None)
    if reference is None:
        raise ModelError(f"model {type(model).__name__} has no parameters: nothing to convert")
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if tensor.is_meta or tensor.dtype not in (torch.float32, torch.float64):
            stored = "on the meta device, without values" if tensor.is_meta else str(tensor.dtype)
            raise WeightsError(f"weights: {name!r} is {stored}, needs float32 or float64: load the weights, call model.float()")
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise WeightsError(f"weights: {name!r} holds {bad} values that are NaN or infinite: repair the checkpoint")
    example = torch.zeros(1, *source.image_shape, dtype=reference.dtype)
    with _unfused_attention(model), evaluating(model), torch.no_grad():
        try:
            program = torch.export.export(model, (example,), strict=False)
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"torch.export cannot trace {type(model).__name__}: {first}") from error
    constants: dict[str, torch.Tensor] = {}
    names: dict[str, str] = {}
    signature = program.graph_signature
    lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    for placeholder, target in lifted.items():
        stored = program.state_dict.get(target, program.constants.get(target))
        if isinstance(stored, torch.Tensor):
            constants[placeholder] = stored.detach()
            names[placeholder] = target
    return TracedModel(_name_of(model), program, constants, names, source)


def image_source(model: torch.nn.Module) -> ImageSource:
    """The source of a model's graph, with timm's data configuration; the model's actual image size precedes the pretrained one's.

    Raises ModelError where there is no such configuration.
    """
    from timm.data import resolve_data_config

    try:
        config = resolve_data_config({}, model=model)
        size = getattr(getattr(model, "patch_embed", None), "img_size", None)
        channels = getattr(getattr(getattr(model, "patch_embed", None), "proj", None), "in_channels", config["input_size"][0])
        height, width = size if size is not None else config["input_size"][1:]
        shape = (int(channels), int(height), int(width))
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
