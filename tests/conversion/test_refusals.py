"""Is a model that cannot be converted refused with the operator, its module path and what is supported?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from synaptile.conversion.convert import convert, lower_model
from synaptile.conversion.lowering.operators import supported_operators
from synaptile.foundation.errors import InputError, ModelError, UnsupportedOperator, WeightsError
from tests.conversion.agreement import assert_lowered
from tests.conversion.small_models import OPTIONS, random_images, small_vit, timm, torch

functional = torch.nn.functional


class Replaced(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        pytest.param(lambda x: torch.cumsum(x, 1), "aten.cumsum.default", id="cumsum"),
        pytest.param(lambda x: x.flip(-1), "aten.flip.default", id="flip"),
        pytest.param(lambda x: torch.where(x > 0, x, 0.1 * x), "aten.gt.Scalar", id="where"),
        pytest.param(lambda x: 1 / x, "aten.reciprocal.default", id="reciprocal"),
        pytest.param(lambda x: functional.max_pool1d(x, 1), "aten.max_pool1d.default", id="max pooling"),
        pytest.param(functional.mish, "aten.mish.default", id="mish"),
    ],
)
def test_an_unsupported_operator_names_itself_its_module_and_the_supported_ones(
    function: Callable[[Any], Any], operator: str
) -> None:
    model = small_vit()
    model.blocks[1].mlp.act = Replaced(function)
    with pytest.raises(UnsupportedOperator) as caught:
        lower_model(model)
    message = str(caught.value)
    assert f"operator {operator} in module 'blocks.1.mlp.act' is not supported" in message
    assert message.endswith("supported: " + ", ".join(supported_operators()))
    remedies = {
        "aten.mish.default": "nearest are relu, silu and gelu",
        "aten.max_pool1d.default": "pool tokens by their mean",
        "aten.cumsum.default": "not one after the other",
    }
    assert remedies.get(operator, "write it with supported operators") in message
    assert {"linear", "matmul", "layer_norm", "softmax", "gelu", "reshape"} <= set(supported_operators())


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        pytest.param(lambda x: torch.relu(x) ** 3, ["aten.pow", "power 3", "only squares"], id="cube"),
        pytest.param(functional.hardtanh, ["aten.hardtanh", "clamp to -1 ... 1"], id="clamp"),
        pytest.param(lambda x: x / (x + 2.0), ["aten.div.Tensor", "varies with the image"], id="division"),
        pytest.param(lambda x: torch.add(x, x, alpha=2), ["aten.add.Tensor", "alpha 2"], id="alpha"),
        pytest.param(lambda x: x + x.mean(), ["aten.mean.default", "overload", "dims"], id="mean over all"),
        pytest.param(lambda x: torch.div(x, 2, rounding_mode="floor"), ["aten.div.Tensor_mode", "rounding_mode"], id="floor"),
        pytest.param(
            lambda x: functional.pad(torch.relu(torch.cat([x[..., :3], x[..., 5:]], -1)), (0, 2)), ["relu", "layout"], id="gaps"
        ),
    ],
)
def test_a_known_operator_in_an_unknown_pattern_names_operator_module_and_limit(
    function: Callable[[Any], Any], parts: list[str]
) -> None:
    model = small_vit(depth=1)
    model.blocks[0].mlp.act = Replaced(function)
    with pytest.raises(ModelError) as caught:
        lower_model(model)
    assert all(part in str(caught.value) for part in [*parts, "'blocks.0.mlp.act'"]), str(caught.value)


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        pytest.param(
            lambda: timm.models.convit.ConVit(**OPTIONS, local_up_to_layer=1),
            ["aten.div", "'blocks.0.attn'", "varies with the image"],
            id="gated positional attention",
        ),
        pytest.param(
            lambda: small_vit(embed_layer=timm.layers.PatchEmbed, num_classes=5, global_pool=""),
            ["tokens of features"],
            id="unpooled",
        ),
    ],
)
def test_architectures_known_not_to_convert_are_refused_by_operator_and_module(make: Callable[[], Any], parts: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        lower_model(make().eval())
    assert all(part in str(caught.value) for part in parts), str(caught.value)


class Bare(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    """A module that computes `function`, with or without a parameter, on 8 x 8 images."""

    def __init__(self, function: Callable[..., Any], channels: int = 3) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, 4, 4, 4)
        self.head = torch.nn.Linear(4, 2)
        self.function = function
        self.pretrained_cfg = {"input_size": (3, 8, 8)}

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


EVERY_SITE = {"head.in": (0.1, 0.1, 8)}


def tokens(model: Bare, x: Any) -> Any:
    return model.conv(x).flatten(2).transpose(1, 2)


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        pytest.param(
            lambda m, x: m.head(tokens(m, functional.pad(x, (2, 2, 2, 2), value=1.0)).mean(1)), ["aten.pad"], id="pad of ones"
        ),
        pytest.param(lambda m, x: (m.head(tokens(m, x).mean(1)),) * 2, ["returns tuple, needs one tensor"], id="two outputs"),
        pytest.param(lambda m, x: {"logits": m.head(tokens(m, x).mean(1))}, ["returns dict, needs one tensor"], id="dictionary"),
        pytest.param(lambda m, x: m.head(tokens(m, x)), ["returns 4 tokens of features"], id="tokens out"),
        pytest.param(lambda m, _x: m.head.weight * 1.0, ["needs one tensor of logits"], id="no image used"),
        pytest.param(
            lambda m, x: m.head(tokens(m, x).mean(1)) * (1 if x.sum() > 0 else 2), ["torch.export cannot trace"], id="branch"
        ),
        pytest.param(
            lambda m, x: m.head(functional.linear(tokens(m, x).mean(1), tokens(m, x)[0])),
            ["Linear needs constant weights"],
            id="dynamic",
        ),
        pytest.param(
            lambda m, x: m.head(tokens(m, functional.pad(x, (4, 4, 4, 4), mode="reflect")).mean(1)),
            ["aten.pad", "mode reflect", "only numbers"],
            id="reflected",
        ),
        pytest.param(
            lambda m, x: m.head(
                functional.conv2d(x, m.conv.weight, stride=4, dilation=2, padding=3).flatten(2).transpose(1, 2).mean(1)
            ),
            ["dilation"],
            id="dilation",
        ),
    ],
)
def test_models_that_are_no_vision_transformer_are_refused(function: Callable[..., Any], parts: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        convert(Bare(function).eval(), thresholds=EVERY_SITE)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "change", [lambda x: 0.5 * x, lambda x: x.transpose(2, 3), lambda x: 2 * (x - 0.5), lambda x: x[..., 2:, :4]]
)
def test_what_is_done_to_pixels_first_makes_them_a_stream(change: Callable[[Any], Any]) -> None:
    assert_lowered(Bare(lambda m, x: m.head(tokens(m, change(x)).mean(1))).eval(), (3, 8, 8))


def test_a_second_input_is_refused() -> None:
    class Two(Bare):
        def forward(self, x: Any, y: Any) -> Any:  # type: ignore[override]  # the second input is what is refused
            return self.head(tokens(self, x + y).mean(1))

    with pytest.raises(ModelError, match=r"torch\.export cannot trace Two"):
        lower_model(Two(tokens))


@pytest.mark.parametrize("model", [torch.nn.Linear(4, 4), torch.nn.Identity()], ids=["no images", "no parameters"])
def test_a_module_that_takes_no_images_is_refused(model: Any) -> None:
    with pytest.raises(ModelError, match=r"Linear|Identity"):
        lower_model(model)


def test_a_broken_data_configuration_is_refused() -> None:
    model = small_vit()
    model.pretrained_cfg = {"mean": ("grey",) * 3}
    with pytest.raises(ModelError, match="VisionTransformer carries no timm data configuration"):
        lower_model(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_name_the_tensor(value: float) -> None:
    model = small_vit()
    with torch.no_grad():
        model.blocks[1].mlp.fc1.weight[3, :2] = value
    with pytest.raises(WeightsError, match=r"'blocks\.1\.mlp\.fc1\.weight' holds 2 values that are NaN or infinite"):
        lower_model(model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_with_the_remedy(dtype: Any) -> None:
    with pytest.raises(WeightsError, match=rf"'cls_token' is {dtype}, needs float32 or float64.*model\.float\(\)"):
        lower_model(small_vit().to(dtype))


def test_a_model_without_values_is_refused() -> None:
    with torch.device("meta"):
        model = timm.models.vision_transformer.VisionTransformer(**OPTIONS)
    with pytest.raises(WeightsError, match="meta device"):
        lower_model(model)


def test_a_method_that_does_not_exist_is_refused_first() -> None:
    with pytest.raises(InputError, match="method 'magic' does not exist; methods are ecmt"):
        convert(torch.nn.Identity(), random_images(1), method="magic")  # type: ignore[arg-type]  # wrong on purpose
