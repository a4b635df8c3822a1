"""Are weights loaded strictly and safely, and does every refusal say what to do?"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.weights import load_timm, load_weights, read_state
from synaptile.foundation.errors import ModelError, WeightsError
from tests.conversion.small_models import OPTIONS, array_of, small_vit, timm, torch

NAME = "vit_tiny_patch16_224"
SMALL: dict[str, Any] = {key: OPTIONS[key] for key in ("img_size", "embed_dim", "depth", "num_heads", "num_classes")} | {
    "patch_size": 8
}


def save(state: dict[str, Any], path: Path) -> Path:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in small_vit(seed=3).state_dict().items()}


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pth of a training run", "pth of a model"])
def test_local_weights_replace_the_hub(state: dict[str, Any], tmp_path: Path, suffix: str, monkeypatch: Any) -> None:
    path = tmp_path / ("w.safetensors" if suffix == "safetensors" else "w.pth")
    wrapped: Any = {"pth of a training run": {"state_dict": state, "epoch": 3}, "pth of a model": {"model": state}}.get(
        suffix, state
    )
    if suffix == "safetensors":
        save(state, path)
    else:
        torch.save(wrapped, path)
    real = timm.create_model
    asked: list[bool] = []

    def create(*arguments: Any, pretrained: bool, **options: Any) -> Any:
        asked.append(pretrained)
        return real(*arguments, **options)

    monkeypatch.setattr(timm, "create_model", create)
    model = load_timm(NAME, path, **SMALL)
    assert asked == [False] and not model.training
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(array_of(tensor), array_of(state[name]))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        pytest.param({"head.weight": (5, 25)}, ["1 of the wrong shape", "head.weight (5, 25) instead of (5, 24)"], id="shape"),
        pytest.param({"blocks.1.norm1.bias": None}, ["1 missing (first blocks.1.norm1.bias)"], id="missing"),
        pytest.param({"hat.weight": (2, 2), "hat.bias": (2,)}, ["2 unexpected (first hat."], id="surplus"),
        pytest.param(
            {"norm.weight": None, "norm.bias": (3,), "extra": (1,)},
            ["1 of the wrong shape", "1 missing (first norm.weight)", "1 unexpected (first extra)"],
            id="all three",
        ),
    ],
)
def test_weights_that_do_not_match_are_refused(
    state: dict[str, Any], tmp_path: Path, change: dict[str, tuple[int, ...] | None], parts: list[str]
) -> None:
    changed = {name: tensor for name, tensor in state.items() if change.get(name, ()) is not None}
    changed |= {name: torch.zeros(shape) for name, shape in change.items() if shape is not None}
    model = small_vit()
    before = array_of(model.cls_token)
    with pytest.raises(WeightsError) as caught:
        load_weights(model, save(changed, tmp_path / "w.safetensors"))
    for part in [*parts, "w.safetensors", "do not match VisionTransformer"]:
        assert part in str(caught.value)
    np.testing.assert_array_equal(array_of(model.cls_token), before)


class Payload:
    """What a hostile checkpoint holds: unpickling it would write a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.marker, "executed")


@pytest.mark.parametrize("wrapper", ["torch", "pickle"])
@pytest.mark.parametrize("suffix", ["pth", "bin", "safetensors"])
def test_a_pickle_with_code_is_never_executed(tmp_path: Path, wrapper: str, suffix: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / f"weights.{suffix}"
    hostile = {"head.weight": torch.zeros(1), "extra": Payload(marker)}
    if wrapper == "torch":
        torch.save(hostile, path)
    else:
        path.write_bytes(pickle.dumps(hostile))
    with pytest.raises(WeightsError, match=r"weights\.\w+: not a (checkpoint of plain tensors|readable safetensors file)"):
        read_state(path)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()  # the payload does bite where it is unpickled


@pytest.mark.parametrize("keep", [0, 7, 8, 100, -1])
def test_truncated_safetensors_are_refused(state: dict[str, Any], tmp_path: Path, keep: int) -> None:
    path = save(state, tmp_path / "w.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"w\.safetensors: not a readable safetensors file"):
        read_state(path)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {"epoch": 3}, {"state_dict": {"a": "b"}}], ids=str)
def test_a_checkpoint_without_a_state_dictionary_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="needs a state dictionary of tensors"):
        read_state(tmp_path / "w.pth")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors: no such weights file"):
        load_timm(NAME, tmp_path / "none.safetensors", **SMALL)
    with pytest.raises(WeightsError, match="no such weights file"):
        read_state(tmp_path)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("vit_tinny_patch16_224", "vit_tiny_patch16_224"),
        ("vit_smal_patch16_224", "vit_small_patch16_224"),
        ("eva_giant_patch14_363", "eva_giant_patch14_336"),
    ],
)
def test_an_unknown_model_offers_near_names(name: str, near: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_timm(name)
    assert f"timm has no model '{name}'; near it: " in str(caught.value)
    assert near in str(caught.value)


def test_a_name_like_no_other_offers_none() -> None:
    with pytest.raises(ModelError, match=r"timm has no model '\*\[xyzzy'$"):
        load_timm("*[xyzzy")


def test_an_unreachable_hub_points_to_local_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: Any, pretrained: bool, **_options: Any) -> Any:
        assert pretrained
        raise OSError("Network is unreachable\nwith a long traceback")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(ModelError) as caught:
        load_timm(NAME)
    message = str(caught.value)
    assert f"pretrained weights of '{NAME}' cannot be fetched (Network is unreachable)" in message
    assert "--weights" in message and "traceback" not in message


def test_options_timm_does_not_take_are_refused(state: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"timm cannot build '{NAME}'.*colour"):
        load_timm(NAME, save(state, tmp_path / "w.safetensors"), colour="red")
