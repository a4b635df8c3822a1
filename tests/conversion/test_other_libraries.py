"""Do models of torchvision and Hugging Face, as these libraries build them, lower to a graph that computes the same?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import check_against_model, lower_model
from tests.conversion.small_models import random_images, randomised, torch

torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed: its models cannot be built")
SHAPE = (3, 32, 32)
WINDOWS = (3, 64, 64)
"""Of Swin: 16 x 16 tokens, which windows of 7 do not divide."""
BODY: dict[str, Any] = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 48}
IMAGE: dict[str, Any] = {"image_size": 32, "patch_size": 8, "num_labels": 5}
STAGES: dict[str, Any] = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4], "patch_size": 4, "num_labels": 5}


def vit() -> Any:
    """`vit_b_16` with fewer and narrower blocks."""
    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=24, mlp_dim=48, num_classes=5
    )


def swin(**options: Any) -> Any:
    """`swin_t` with two narrow stages, its windows of 7 and their shift."""
    return torchvision.models.SwinTransformer([4, 4], 12, [2, 2], [2, 4], [7, 7], num_classes=5, **options)


def swin_v2() -> Any:
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

    return swin(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2)


def hugging_face(kind: str, attention: str = "sdpa", **options: Any) -> Any:
    """An image classifier of `transformers`, given as it is: its output is an object with `logits`."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: its models cannot be built")
    config = getattr(transformers, f"{kind}Config")(**options)
    config._attn_implementation = attention
    return getattr(transformers, f"{kind}ForImageClassification")(config)


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, int, int]]] = {
    "torchvision ViT": (vit, SHAPE),
    "torchvision Swin": (swin, WINDOWS),
    "torchvision Swin v2": (swin_v2, WINDOWS),
    "ViT": (lambda: hugging_face("ViT", **BODY, **IMAGE), SHAPE),
    "DeiT": (lambda: hugging_face("DeiT", **BODY, **IMAGE), SHAPE),
    "BEiT": (lambda: hugging_face("Beit", **BODY, **IMAGE, use_relative_position_bias=True), SHAPE),
    "DINOv2": (lambda: hugging_face("Dinov2", **BODY, **IMAGE, mlp_ratio=2), SHAPE),
    "SigLIP": (lambda: hugging_face("Siglip", vision_config={**BODY, **IMAGE}, num_labels=5), SHAPE),
    "Swin": (lambda: hugging_face("Swin", "eager", **STAGES, image_size=64, window_size=7), WINDOWS),
}


def logits_of(model: Any, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        output = model(torch.from_numpy(images))
    return np.asarray(getattr(output, "logits", output))


def agrees(model: Any, shape: tuple[int, int, int]) -> Any:
    """The lowered graph, once it computes on three images what the model does."""
    graph = lower_model(model, shape)
    check_against_model(graph, model)
    images = random_images(3, shape, seed=5, dtype=np.float64)
    limit = 1e-6 if "rounds" in graph.metadata else 1e-9
    expected = logits_of(model, images)
    np.testing.assert_allclose(ann_forward(graph, images), expected, rtol=limit, atol=limit * float(np.abs(expected).max()))
    return graph


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_models_of_other_libraries_compute_the_same(name: str) -> None:
    torch.manual_seed(0)
    make, shape = MODELS[name]
    graph = agrees(randomised(make().double()), shape)
    assert "rounds" not in graph.metadata or name == "Swin"


@pytest.mark.slow
def test_a_softmax_in_float32_is_held_to_float32() -> None:
    model = randomised(hugging_face("ViT", "eager", **BODY, **IMAGE).double())
    assert agrees(model, SHAPE).metadata["rounds"] == "float32"
