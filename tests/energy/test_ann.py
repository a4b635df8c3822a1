"""Is the ANN beside the SNN the network that the graph describes?"""

from __future__ import annotations

import pytest

from synaptile.conversion.graph import ECUnit, Port
from synaptile.energy import ann_macs, dense_operations, table3
from synaptile.foundation.errors import GraphError, InputError
from synaptile.simulator.actions.functions import function_operations
from tests.energy.hand_made import graph
from tests.graphs import vit_graph


def _unit(function: str, shape: tuple[int, ...], **fields: object) -> ECUnit:
    return ECUnit("unit", (Port("x", 0, 1),), shape, function, **fields)  # type: ignore[arg-type]


def test_vit_small_has_the_published_number_of_dense_macs() -> None:
    vit_s = vit_graph(1, 197, 384, 6, 1536, 1000, patch=16)
    head = vit_s.ann_macs["head"]
    # Blocks are alike: one is built, twelve are counted.
    assert head + 12 * (ann_macs(vit_s) - head) == 12 * 378_391_296 + 384_000
    assert round((head + 12 * (ann_macs(vit_s) - head)) / 1e9, 3) == 4.541


def test_layer_norm_counts_what_its_formula_says() -> None:
    # 3 rows of 4, mean 12 add + 3 mul; deviations 12 add; squares 12 mac; /C + eps 3 mac; 3 rsqrt; scale 12 mul; affine 12 mac.
    assert function_operations(_unit("layer_norm", (3, 4))) == {"add": 24, "mac": 27, "mul": 15, "rsqrt": 3}


def test_softmax_counts_scale_bias_and_one_division_a_row() -> None:
    plain = function_operations(_unit("softmax", (2, 3, 5)))
    assert plain == {"compare": 30, "add": 60, "exp": 30, "div": 6, "mul": 30}
    scaled = function_operations(_unit("softmax", (2, 3, 5), input_scale=0.125, biased=True))
    assert scaled == {"compare": 30, "add": 90, "exp": 30, "div": 6, "mul": 60}


@pytest.mark.parametrize(
    ("function", "per_element"),
    [
        ("gelu", {"mul": 3, "erf": 1, "add": 1}),
        ("gelu_tanh", {"mul": 4, "mac": 1, "tanh": 1, "add": 1}),
        ("quick_gelu", {"mul": 2, "sigmoid": 1}),
        ("silu", {"mul": 1, "sigmoid": 1}),
        ("relu", {"compare": 1}),
        ("sigmoid", {"sigmoid": 1}),
        ("tanh", {"tanh": 1}),
        ("relu6", {"compare": 2}),
        ("hard_sigmoid", {"add": 1, "compare": 2, "mul": 1}),
        ("hard_swish", {"add": 1, "compare": 2, "mul": 2}),
    ],
)
def test_activations_count_per_element(function: str, per_element: dict[str, int]) -> None:
    assert function_operations(_unit(function, (3, 4))) == {op: 12 * count for op, count in per_element.items()}


def test_an_unknown_function_is_an_error() -> None:
    with pytest.raises(GraphError, match="softplus"):
        function_operations(_unit("softplus", (3, 4)))


def test_a_dense_pass_counts_front_end_biases_and_residuals_and_no_spikes() -> None:
    network = graph()  # 5 tokens, 4 channels, 2 heads, 8 hidden, 3 classes, patches of 2x2
    dense = dense_operations(network)
    assert dense["patch_embed"] == {("dense rows", "mac"): 4 * 4 * 12, ("bias", "add"): 16}
    assert dense["blocks.0.attn.qkv"] == {("dense rows", "mac"): 5 * 4 * 12, ("bias", "add"): 60}
    assert dense["blocks.0.attn.qk"] == {("dense product", "mac"): 2 * 5 * 5 * 2}
    assert dense["blocks.0.add1"] == {("stream add", "add"): 20}
    assert dense["norm"] == {("layer_norm", op): count for op, count in function_operations(network.nodes["norm"]).items()}  # type: ignore[arg-type]
    assert not set(dense) & {site.name for site in network.sites}
    macs = sum(ops.get((role, "mac"), 0) for ops in dense.values() for role in ("dense rows", "dense product"))
    assert macs == ann_macs(network) + 4 * 4 * 12


def test_table_3_gives_the_papers_figures_and_the_true_product() -> None:
    printed = [0.81, 3431.65, 71.49, 468.76, 5.33, 468.76, 1143.88, 0.81, 4991.48, 3.54, 4991.48]
    rows = table3()
    # The paper cuts GELU's 3.545 off where it rounds all the others.
    assert [row.millions for row in rows] == [3.55 if figure == 3.54 else figure for figure in printed]
    products = [row for row in rows if row.module == "Matrix Product q, k"]
    assert [row.count for row in products] == [71_492_608, 468_764_032]
    assert "as printed" in products[0].note and "performs" in products[1].note


def test_table_3_refuses_heads_that_do_not_divide() -> None:
    with pytest.raises(InputError, match="7 heads"):
        table3(heads=7)
