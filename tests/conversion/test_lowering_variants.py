"""Do the variants of a vision transformer lower to a graph that computes the same, and is what folds folded where it belongs?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import check_against_model, lower_model
from synaptile.conversion.graph import ConstantStream, ECUnit, Synapse, TokenMean
from synaptile.conversion.images import source_of
from synaptile.foundation.errors import ModelError
from tests.bounds import unit_roundoff
from tests.conversion.small_models import (
    array_of,
    model_logits,
    random_images,
    randomised,
    small_beit,
    small_eva,
    small_vit,
    timm,
    torch,
    with_activation,
)


class QuickGELU(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(1.702 * x)


class Convolutional(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    """Patch embedding with BatchNorm, and a BatchNorm behind a Linear."""

    def __init__(self, activation: Any = None) -> None:
        super().__init__()
        self.activation = activation or torch.nn.Identity()
        self.stem = torch.nn.Conv2d(3, 6, 4, 4, bias=False)
        self.bn = torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, 7)
        self.bn1 = torch.nn.BatchNorm1d(7)
        self.head = torch.nn.Linear(7, 3)
        self.pretrained_cfg = {"input_size": (3, 8, 8), "architecture": "convolutional"}

    def forward(self, x: Any) -> Any:
        tokens = self.bn(self.stem(x)).flatten(2).transpose(1, 2)
        return self.head(self.activation(self.bn1(self.fc(tokens).transpose(1, 2)).transpose(1, 2)).mean(1))


VARIANTS: dict[str, Callable[[], Any]] = {
    "plain": small_vit,
    "mean pooling": lambda: small_vit(global_pool="avg"),
    "no class token": lambda: small_vit(class_token=False, global_pool="avg"),
    "pooling by attention": lambda: small_vit(class_token=False, global_pool="map"),
    "parallel branches": lambda: small_vit(block_fn=timm.models.vision_transformer.ParallelThingsBlock, init_values=0.3),
    "registers": lambda: small_vit(reg_tokens=3),
    "positions without prefix": lambda: small_vit(reg_tokens=2, no_embed_class=True),
    "pre-norm": lambda: small_vit(pre_norm=True),
    "LayerScale": lambda: small_vit(init_values=0.3),
    "no qkv bias": lambda: small_vit(qkv_bias=False),
    "norms without weights": lambda: small_vit(norm_layer=functools.partial(torch.nn.LayerNorm, elementwise_affine=False)),
    "no position embedding": lambda: small_vit(pos_embed="none"),
    "final norm off": lambda: small_vit(final_norm=False),
    "no head": lambda: small_vit(num_classes=0),
    "one channel": lambda: small_vit(in_chans=1),
    "oblong image": lambda: small_vit(img_size=(16, 24)),
    "overlapping heads of 1": lambda: small_vit(num_heads=24),
    "one head": lambda: small_vit(num_heads=1),
    "quick GELU": lambda: small_vit(act_layer=QuickGELU),
    "tanh GELU": lambda: with_activation(lambda x: torch.nn.functional.gelu(x, approximate="tanh")),
    "SiLU": lambda: with_activation(torch.nn.functional.silu),
    "SiLU spelt out": lambda: with_activation(lambda x: torch.sigmoid(x) * x),
    "ReLU": lambda: with_activation(torch.relu),
    "ReLU6": lambda: with_activation(torch.nn.functional.relu6),
    "ReLU6 as a module": lambda: small_vit(act_layer=torch.nn.ReLU6),
    "hard sigmoid": lambda: with_activation(torch.nn.functional.hardsigmoid),
    "hard swish": lambda: with_activation(torch.nn.functional.hardswish),
    "hard swish in place": lambda: with_activation(torch.nn.Hardswish(inplace=True)),
    "sigmoid": lambda: with_activation(torch.sigmoid),
    "tanh": lambda: with_activation(torch.tanh),
    "scaled": lambda: with_activation(lambda x: torch.tanh(x / 4) * 3),
    "shifted": lambda: with_activation(lambda x: torch.tanh(x) + 0.1),
    "EVA": lambda: small_eva(qkv_bias=True),
    "BEiT": small_beit,
    "BatchNorm": lambda: randomised(Convolutional()),
    "BatchNorm, ReLU in place": lambda: randomised(Convolutional(torch.nn.ReLU(inplace=True))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_computes_the_same_in_float32_and_float64(name: str) -> None:
    model = VARIANTS[name]()
    check_against_model(lower_model(model), model)  # refuses what is beyond float32; the proof is float64
    model = model.double()
    graph = lower_model(model)
    assert {array.dtype for array in graph.arrays.values()} == {np.dtype(np.float64)}
    assert check_against_model(graph, model) < 1e-9
    images = random_images(3, source_of(graph).image_shape, seed=5, dtype=np.float64)
    np.testing.assert_allclose(ann_forward(graph, images), model_logits(model, images), rtol=1e-9, atol=1e-10)


def test_sites_see_what_the_model_computes_there_unscaled() -> None:
    model = small_vit(depth=1, dtype=torch.float64)
    graph = lower_model(model)
    seen: dict[str, np.ndarray] = {}
    attention, captured = model.blocks[0].attn, {}
    hooks = [
        attention.qkv.register_forward_hook(lambda _m, i, o: captured.update({"in": array_of(i[0]), "qkv": array_of(o)})),
        model.blocks[0].mlp.fc2.register_forward_pre_hook(lambda _m, i: captured.update({"fc2": array_of(i[0])})),
    ]
    images = random_images(2, dtype=np.float64)
    model_logits(model, images)
    for hook in hooks:
        hook.remove()
    ann_forward(graph, images, lambda site, values: seen.update({site: values.copy()}))
    assert list(seen) == [site.name for site in graph.sites]
    np.testing.assert_allclose(seen["blocks.0.attn.qkv.in"], captured["in"], atol=1e-12)
    for i, part in enumerate("qkv"):
        np.testing.assert_allclose(seen[f"blocks.0.attn.{part}"], captured["qkv"][..., 24 * i : 24 * (i + 1)], atol=1e-12)
    np.testing.assert_allclose(seen["blocks.0.mlp.fc2.in"], captured["fc2"], atol=1e-12)
    np.testing.assert_allclose(seen["blocks.0.attn.softmax.out"].sum(-1), 1.0, atol=1e-12)
    softmax = graph.nodes["blocks.0.attn.softmax"]
    assert isinstance(softmax, ECUnit) and softmax.input_scale == pytest.approx(8**-0.5)


def test_layer_scale_folds_into_weights_and_bias() -> None:
    model = small_vit(init_values=0.3)
    graph = lower_model(model)
    block = model.blocks[1]
    for linear, scale, name in ((block.attn.proj, block.ls1, "attn.proj"), (block.mlp.fc2, block.ls2, "mlp.fc2")):
        gamma = array_of(scale.gamma)
        assert np.ptp(gamma) > 0.1
        np.testing.assert_array_equal(graph.array(f"blocks.1.{name}", "weight"), array_of(linear.weight) * gamma[:, None])
        np.testing.assert_array_equal(graph.array(f"blocks.1.{name}", "bias"), array_of(linear.bias) * gamma)
    assert not [name for name in graph.nodes if ".ls" in name]


def test_batch_norm_folds_into_what_stands_in_front() -> None:
    model = randomised(Convolutional()).double()
    graph = lower_model(model)
    for name, norm, linear in (("stem", model.bn, model.stem), ("fc", model.bn1, model.fc)):
        gain = array_of(norm.weight) / np.sqrt(array_of(norm.running_var) + norm.eps)
        bias = 0.0 if linear.bias is None else array_of(linear.bias)
        weight = array_of(linear.weight).reshape(len(gain), -1)
        np.testing.assert_allclose(graph.array(name, "weight"), weight * gain[:, None], rtol=1e-14)
        np.testing.assert_allclose(
            graph.array(name, "bias"), (bias - array_of(norm.running_mean)) * gain + array_of(norm.bias), rtol=1e-12, atol=1e-15
        )
    assert [type(node).__name__ for node in graph.nodes.values()] == [
        "ImageSource", "PatchEmbedding", "MTNeurons", "Synapse", "TokenMean", "MTNeurons", "Synapse", "ReadOut",
    ]  # fmt: skip


def test_a_position_bias_stands_behind_the_attention_scale() -> None:
    model = small_beit()
    graph = lower_model(model)
    unit = graph.nodes["blocks.0.attn.softmax"]
    assert isinstance(unit, ECUnit) and unit.biased and unit.input_scale == pytest.approx(8**-0.5)
    expected = array_of(model.blocks[0].attn._get_rel_pos_bias())[0]
    np.testing.assert_array_equal(graph.array("blocks.0.attn.softmax", "bias"), expected)


def test_a_factor_in_front_of_a_linear_moves_into_its_weights() -> None:
    model = with_activation(lambda x: torch.tanh(x) * 3)
    np.testing.assert_allclose(
        lower_model(model).array("blocks.0.mlp.fc2", "weight"),
        3 * array_of(model.blocks[0].mlp.fc2.weight).astype(np.float64),
        rtol=unit_roundoff(np.float32),
    )


def test_distillation_heads_are_averaged_in_the_read_out() -> None:
    from timm.models.deit import VisionTransformerDistilled

    from tests.conversion.small_models import OPTIONS

    model = randomised(VisionTransformerDistilled(**OPTIONS))
    model.pretrained_cfg = {"input_size": (3, 16, 16)}
    graph = lower_model(model)
    assert graph.readout.scale == 0.5
    assert [node.name for node in graph.of_type(Synapse)][-2:] == ["head", "head_dist"]
    check_against_model(graph, model)  # refuses what is beyond float32
    exact = model.double()
    assert check_against_model(lower_model(exact), exact) < 1e-12


def test_constants_and_pooling_keep_their_names_and_values() -> None:
    model = small_vit(global_pool="avg", fc_norm=True)
    graph = lower_model(model)
    names = [node.name for node in graph.of_type(ConstantStream)]
    assert names == ["cls_token", "pos_embed"]
    np.testing.assert_array_equal(graph.array("pos_embed", "value"), array_of(model.pos_embed)[0])
    (mean,) = graph.of_type(TokenMean)
    assert graph.nodes[mean.inputs[0].node].shape == (4, 24)  # without the class token


def test_lowering_leaves_the_model_as_it_was() -> None:
    model = small_vit()
    model.train()
    fused = [module.fused_attn for module in model.modules() if hasattr(module, "fused_attn")]
    assert any(fused)
    before = {name: array_of(tensor) for name, tensor in model.state_dict().items()}
    check_against_model(lower_model(model), model)
    assert model.training and all(module.training for module in model.modules())
    assert [module.fused_attn for module in model.modules() if hasattr(module, "fused_attn")] == fused
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(array_of(tensor), before[name])


def test_training_the_model_on_does_not_change_the_graph() -> None:
    model = small_vit(depth=1)
    graph = lower_model(model)
    before = {name: array.copy() for name, array in graph.arrays.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    for name, array in graph.arrays.items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(ModelError, match=r"differs from the model by .*, limit 0\.001"):
        check_against_model(graph, model)


def test_lowering_twice_gives_the_same_graph() -> None:
    assert lower_model(small_vit()).digest == lower_model(small_vit()).digest
    assert lower_model(small_vit()).digest != lower_model(small_vit(seed=1)).digest
