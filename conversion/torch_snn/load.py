"""A spiking model from a factory of the user's and a file of tensors: nothing that is stored is ever executed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synaptile.conversion.extra import is_module, require_torch
from synaptile.conversion.weights import load_weights
from synaptile.foundation.errors import InputError, ModelError

if TYPE_CHECKING:
    import torch


def load_torch_snn(factory: str, weights: str | Path | None = None, *, random_seed: int | None = None) -> torch.nn.Module:
    """The model that ``MODULE:FACTORY`` makes, a function or class called without arguments, in evaluation mode.

    MODULE is imported as Python would, the working directory included. `weights` is a state dictionary that fits the model
    exactly, safetensors or a checkpoint that loads with ``weights_only``: a pickled module is refused. Without it `random_seed`
    must be given: costs then show the structure alone.

    Raises InputError for a factory that cannot be found, ModelError where it fails or makes no module, WeightsError for weights
    that are unsafe, damaged or do not match.
    """
    require_torch()
    import torch

    if (weights is None) == (random_seed is None):
        raise InputError(f"{factory}: give its weights, a state dictionary, or a seed for random ones; one of the two")
    make = _found(factory)
    if random_seed is not None:
        torch.manual_seed(random_seed)
    try:
        made = make()
    except Exception as error:
        raise ModelError(
            f"{factory} fails with {type(error).__name__}: {error}; it is called without arguments: give one that needs none"
        ) from error
    if not is_module(made):
        raise ModelError(f"{factory} makes a {type(made).__name__}, needs a torch.nn.Module")
    model: torch.nn.Module = made
    if weights is not None:
        load_weights(model, weights)
    return model.eval()


def _found(factory: str) -> Callable[[], Any]:
    """The function or class that ``MODULE:FACTORY`` names."""
    module, _, name = factory.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Callable[[], Any] | None = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # whatever a module of the user's raises
        raise InputError(f"{factory}: module {module!r} cannot be imported ({type(error).__name__}: {error})") from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not callable(found):
        raise InputError(f"{factory}: module {module!r} has no function or class {name!r} to make the model with")
    return found
