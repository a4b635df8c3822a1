"""timm models by name, with pretrained weights from a hub or from a local file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synaptile.conversion.extra import require_torch
from synaptile.foundation.arguments import expect, expect_path
from synaptile.foundation.errors import InputError, ModelError, WeightsError

if TYPE_CHECKING:
    import torch

HUBS = ("hf-hub:", "hf_hub:", "local-dir:")
"""What timm's names of models that lie elsewhere begin with."""


def load_timm(name: str, weights: str | Path | None = None, *, random_seed: int | None = None, **options: Any) -> torch.nn.Module:
    """A timm model in evaluation mode.

    `weights` is a local file, safetensors or a PyTorch checkpoint that loads with ``weights_only``; without it timm fetches its
    pretrained weights, or initialises at random from `random_seed` where that is given: enough to size a chip, not to classify.
    `options` go to ``timm.create_model``. Raises InputError for both at once, ModelError for an unknown model or weights that
    cannot be fetched, WeightsError for a file that is unsafe, damaged or does not match.
    """
    require_torch()
    import timm
    import torch

    if weights is not None and random_seed is not None:
        raise InputError(f"weights from {weights} and random weights (seed {random_seed}) exclude each other: give one")
    if random_seed is not None:
        torch.manual_seed(random_seed)

    check_model(name)
    try:
        model: torch.nn.Module = timm.create_model(name, pretrained=weights is None and random_seed is None, **options)
    except Exception as error:
        if weights is not None or random_seed is not None:
            raise ModelError(f"timm cannot build {name!r}: {error}") from error
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"pretrained weights of {name!r} cannot be fetched ({first}): pass a local file with --weights"
        ) from error
    if weights is not None:
        load_weights(model, weights)
    return model.eval()


def check_model(name: str) -> None:
    """Raises ModelError, with near names, where timm has no such model; builds nothing."""
    require_torch()
    import timm

    expect(name, str, "model", "give the name of a timm model")
    if not timm.is_model(name.split(".")[0]) and not name.startswith(HUBS):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=5)
        raise ModelError(f"timm has no model {name!r}" + (f"; near it: {', '.join(near)}" if near else ""))


def load_vision_transformer(weights: str | Path, config: dict[str, Any], **options: Any) -> torch.nn.Module:
    """Timm's plain ``VisionTransformer(**options)`` with local weights, in evaluation mode.

    `config` is its timm data configuration (``architecture``, ``mean``, ``std``, ...). Raises WeightsError.
    """
    require_torch()
    from timm.models.vision_transformer import VisionTransformer

    model: torch.nn.Module = VisionTransformer(**options)
    model.pretrained_cfg = config  # type: ignore[assignment]  # timm keeps a plain dictionary there
    load_weights(model, weights)
    return model.eval()


def load_weights(model: torch.nn.Module, path: str | Path) -> None:
    """Load a local checkpoint strictly. Raises WeightsError naming what is missing, unexpected or misshapen."""
    state = read_state(path)
    own = model.state_dict()
    wrong = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    missing, surplus = [k for k in own if k not in state], [k for k in state if k not in own]
    if wrong or missing or surplus:
        problems = [
            f"{len(names)} {what} (first {names[0]})"
            for what, names in (("of the wrong shape", wrong), ("missing", missing), ("unexpected", surplus))
            if names
        ]
        raise WeightsError(f"{path}: weights do not match {type(model).__name__}: {'; '.join(problems)}")
    model.load_state_dict(state, strict=True)


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint file. Raises WeightsError."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = expect_path(path, "weights file")
    if not file.is_file():
        raise WeightsError(f"{file}: no such weights file")
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise WeightsError(f"{file}: not a readable safetensors file: {error}") from error
    except Exception as error:
        raise WeightsError(
            f"{file}: not a checkpoint of plain tensors; pickled objects are never loaded: save it as safetensors"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise WeightsError(f"{file}: holds {type(loaded).__name__}, needs a state dictionary of tensors")
    return loaded
