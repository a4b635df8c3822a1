"""Do timm's architectures lower to the structure the method prescribes, at full width, and compute what the model does?

Widths, token counts and heads are the published ones. Depth is the published one too, but for ViT-L, DeiT-III-S, EVA, BEiT and
CLIP, whose blocks are alike: fewer keep the suite short. DINOv2 takes 98 x 98 images for the same reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.convert import check_against_model, lower_model
from synaptile.conversion.graph import ECUnit, ImageSource, PatchEmbedding, SpikingGraph
from tests.conversion.small_models import timm, torch

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A timm model and what is known of it, `hidden` being the channels inside the MLP.

    `around` counts the nodes outside the blocks, `tail` names those behind the last block.
    """

    model: str
    options: dict[str, Any]
    depth: int
    tokens: int
    channels: int
    heads: int
    hidden: int
    outputs: tuple[str, ...]
    around: dict[str, int]
    tail: tuple[str, ...]
    act: str = "gelu"
    traits: frozenset[str] = field(default_factory=frozenset)
    classes: int = 1000


FRONT = {"source": 1, "patch_embedding": 1, "concatenate": 1, "constant": 2, "add": 1, "readout": 1}
TOKEN_HEAD = {"ec": 1, "token_select": 1, "mt": 1, "synapse": 1}
MEAN_HEAD = {"token_select": 1, "token_mean": 1, "ec": 1, "mt": 1, "synapse": 1}
TOKEN_TAIL = ("norm", "norm.tokens_0_1", "head.in", "head", "readout")
MEAN_TAIL = ("token_mean", "fc_norm", "head.in", "head", "readout")

CASES = [
    Case("vit_tiny_patch16_224", {}, 12, 197, 192, 3, 768, ("head",), FRONT | TOKEN_HEAD, TOKEN_TAIL),
    Case("vit_small_patch16_224", {}, 12, 197, 384, 6, 1536, ("head",), FRONT | TOKEN_HEAD, TOKEN_TAIL),
    Case("vit_base_patch16_224", {}, 12, 197, 768, 12, 3072, ("head",), FRONT | TOKEN_HEAD, TOKEN_TAIL),
    Case("vit_large_patch16_224", {"depth": 2}, 2, 197, 1024, 16, 4096, ("head",), FRONT | TOKEN_HEAD, TOKEN_TAIL),
    Case(
        "deit_tiny_distilled_patch16_224", {}, 12, 198, 192, 3, 768, ("head", "head_dist"),
        FRONT | {"constant": 3, "add": 2, "ec": 1, "token_select": 2, "mt": 2, "synapse": 2},
        ("norm", "norm.tokens_0_1", "head.in", "head", "norm.tokens_1_2", "head_dist.in", "head_dist", "add_1", "readout"),
    ),
    Case("deit3_small_patch16_224", {"depth": 4}, 4, 197, 384, 6, 1536, ("head",), FRONT | TOKEN_HEAD, TOKEN_TAIL),
    Case(
        "vit_small_patch14_dinov2", {"img_size": 98}, 12, 50, 384, 6, 1536, (),
        FRONT | {"ec": 1, "token_select": 1}, ("norm", "norm.tokens_0_1", "readout"), classes=384,
    ),
    Case("eva_giant_patch14_336", {"depth": 1}, 1, 577, 1408, 16, 6144, ("head",), FRONT | MEAN_HEAD, MEAN_TAIL),
    Case(
        "beit_base_patch16_224", {"depth": 2}, 2, 197, 768, 12, 3072, ("head",),
        {"source": 1, "patch_embedding": 1, "concatenate": 1, "constant": 1, "readout": 1} | MEAN_HEAD, MEAN_TAIL,
        traits=frozenset({"position bias"}),
    ),
    Case(
        "vit_base_patch32_clip_quickgelu_224", {"depth": 2}, 2, 50, 768, 12, 3072, ("head",),
        FRONT | TOKEN_HEAD | {"ec": 2}, TOKEN_TAIL, act="quick_gelu", classes=512,
    ),
]  # fmt: skip

PER_BLOCK = {"add": 2, "ec": 4, "mt": 8, "synapse": 4, "product": 2}
SITES = ("attn.qkv.in", "attn.q", "attn.k", "attn.softmax.out", "attn.v", "attn.proj.in", "mlp.fc1.in", "mlp.fc2.in")


@dataclass(frozen=True)
class Lowered:
    case: Case
    graph: SpikingGraph
    difference: float
    """Of the same model in float64."""
    parameters: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.model)
def lowered(request: pytest.FixtureRequest) -> Iterator[Lowered]:
    case: Case = request.param
    torch.manual_seed(0)
    model = timm.create_model(case.model, pretrained=False, **case.options).eval()
    graph = lower_model(model)
    kept = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items() if name.startswith("blocks.0.")}
    exact = model.double()
    yield Lowered(case, graph, check_against_model(lower_model(exact), exact), kept)


def test_the_graph_computes_what_the_model_does(lowered: Lowered) -> None:
    assert lowered.difference < 1e-12


def test_sites_and_products_have_the_names_of_the_reference(lowered: Lowered) -> None:
    case = lowered.case
    blocks = range(case.depth)
    expected = [f"blocks.{i}.{site}" for i in blocks for site in SITES] + [f"{head}.in" for head in case.outputs]
    assert [site.name for site in lowered.graph.sites] == expected
    linears = {f"blocks.{i}.{name}" for i in blocks for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
    products = {f"blocks.{i}.{name}" for i in blocks for name in ("attn.qk", "attn.sv")}
    assert set(lowered.graph.ann_macs) == linears | products | set(case.outputs)
    assert tuple(lowered.graph.nodes)[-len(case.tail) :] == case.tail


def test_the_number_of_nodes_of_each_kind(lowered: Lowered) -> None:
    expected = Counter({kind: count * lowered.case.depth for kind, count in PER_BLOCK.items()}) + Counter(lowered.case.around)
    assert Counter(node.kind for node in lowered.graph.nodes.values()) == expected


def test_dense_macs_are_those_of_the_formula(lowered: Lowered) -> None:
    case = lowered.case
    n, c = case.tokens, case.channels
    block = n * c * (3 * c + c + 2 * case.hidden) + 2 * n * n * c
    assert sum(lowered.graph.ann_macs.values()) == case.depth * block + len(case.outputs) * c * case.classes
    if case.model == "vit_small_patch16_224":
        assert sum(lowered.graph.ann_macs.values()) == 4_541_079_552  # the design's 4.541 G


def test_shapes_of_a_block(lowered: Lowered) -> None:
    case, nodes = lowered.case, lowered.graph.nodes
    rows, maps = (case.tokens, case.channels), (case.heads, case.tokens, case.tokens)
    for name, shape in {
        "attn.qkv.in": rows, "attn.qkv": (case.tokens, 3 * case.channels), "attn.q": rows, "attn.qk": maps, "attn.softmax": maps,
        "attn.softmax.out": maps, "attn.sv": rows, "mlp.fc1": (case.tokens, case.hidden), "mlp.fc2": rows,
    }.items():  # fmt: skip
        assert nodes[f"blocks.0.{name}"].shape == shape
    ports = [(port.start // case.channels, port.width) for part in "qkv" for port in nodes[f"blocks.0.attn.{part}"].inputs]
    assert ports == [(i, case.channels) for i in range(3)]
    assert nodes["readout"].shape == (1, case.classes)
    (act,) = (unit for unit in lowered.graph.of_type(ECUnit) if unit.inputs[0].node == "blocks.0.mlp.fc1")
    assert act.function == case.act


def test_the_attention_scale_sits_in_front_of_the_softmax_and_nowhere_else(lowered: Lowered) -> None:
    for unit in lowered.graph.of_type(ECUnit):
        softmax = unit.function == "softmax"
        assert unit.input_scale == pytest.approx((lowered.case.channels // lowered.case.heads) ** -0.5 if softmax else 1.0)
        assert unit.biased is (softmax and "position bias" in lowered.case.traits)
    scaled = lowered.parameters["blocks.0.attn.qkv.weight"]
    np.testing.assert_array_equal(lowered.graph.array("blocks.0.attn.qkv", "weight"), scaled)


def test_layer_scale_is_folded_into_the_linear_in_front(lowered: Lowered) -> None:
    for scale, linear in (("ls1", "attn.proj"), ("ls2", "mlp.fc2")):
        names = (f"blocks.0.{scale}.gamma", f"blocks.0.gamma_{scale[-1]}")  # DeiT-III and DINOv2; BEiT
        gain = next((lowered.parameters[name] for name in names if name in lowered.parameters), np.ones(1, np.float32))
        weight, bias = (lowered.parameters[f"blocks.0.{linear}.{name}"] for name in ("weight", "bias"))
        found = [lowered.graph.array(f"blocks.0.{linear}", name) for name in ("weight", "bias")]
        np.testing.assert_array_equal(found[0], weight * gain[:, None])
        np.testing.assert_array_equal(found[1], bias * gain)


def test_the_source_carries_the_preprocessing(lowered: Lowered) -> None:
    (source,), (embedding,) = lowered.graph.of_type(ImageSource), lowered.graph.of_type(PatchEmbedding)
    config = timm.models.get_pretrained_cfg(lowered.case.model)
    size = lowered.case.options.get("img_size", config.input_size[1])
    assert source.image_shape == (3, size, size)
    assert (source.mean, source.std) == (tuple(config.mean), tuple(config.std))
    assert (source.crop_fraction, source.interpolation, source.crop_mode) == (
        config.crop_pct, config.interpolation, config.crop_mode or "center",
    )  # fmt: skip
    assert embedding.stride == embedding.kernel
