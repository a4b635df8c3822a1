"""Small vision transformers of timm's, their parameters random everywhere: none at a neutral 0 or 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: models cannot be converted (extra `convert`)")
timm = pytest.importorskip("timm", reason="timm is not installed: models cannot be converted (extra `convert`)")

SHAPE = (3, 16, 16)
OPTIONS: dict[str, Any] = {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}


def randomised(model: Any, seed: int = 0) -> Any:
    """The model in evaluation mode, every floating parameter and buffer moved at random."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
            tensor.add_(0.2 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
    return model.eval()


def small_vit(seed: int = 0, dtype: Any = None, **options: Any) -> Any:
    """A VisionTransformer of 2 blocks, 4 patches and 24 channels in 3 heads; `dtype` float32 unless given."""
    torch.manual_seed(seed)
    model = timm.models.vision_transformer.VisionTransformer(**{**OPTIONS, **options})
    return randomised(model.to(dtype or torch.float32), seed)


def small_eva(seed: int = 0, **options: Any) -> Any:
    """A model of EVA's class in the same size, positions absolute unless told otherwise."""
    torch.manual_seed(seed)
    fixed = {"use_rot_pos_emb": False, "use_abs_pos_emb": True, "global_pool": "avg", "qkv_fused": True, **OPTIONS}
    return randomised(timm.models.eva.Eva(**{**fixed, **options}), seed)


def small_beit(seed: int = 0, **options: Any) -> Any:
    """A BEiT in the same size, with relative position bias."""
    torch.manual_seed(seed)
    fixed = {"use_abs_pos_emb": False, "use_rel_pos_bias": True, "init_values": 0.1, **OPTIONS}
    return randomised(timm.models.beit.Beit(**{**fixed, **options}), seed)


class Elementwise(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is imported where it is installed
    """An activation given as a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def with_activation(function: Callable[[Any], Any], **options: Any) -> Any:
    """A VisionTransformer of one block whose activation is a function."""
    model = small_vit(depth=1, **options)
    model.blocks[0].mlp.act = Elementwise(function)
    return model


def random_images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0, dtype: Any = np.float32) -> np.ndarray:
    """Preprocessed images, standard normal, shape (count, *shape)."""
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(dtype)


def model_logits(model: Any, images: np.ndarray) -> np.ndarray:
    """What PyTorch computes."""
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(images)).numpy())


def array_of(tensor: Any) -> np.ndarray:
    """A copy of a tensor's values."""
    return np.array(tensor.detach().numpy())
