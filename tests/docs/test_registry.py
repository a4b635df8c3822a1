"""Does the registry run group timm's names by structure, start with the smallest, and count what converts?"""

from __future__ import annotations

from typing import Any

from benchmarks.registry import cause_of, group_of, page, size_of


def test_names_group_by_structure_and_rank_by_size() -> None:
    names = ["vit_large_patch14_reg4_dinov2", "vit_small_patch14_reg4_dinov2", "vit_base_patch14_reg4_dinov2"]
    assert {group_of(name) for name in names} == {"vit_reg4_dinov2"}
    assert sorted(names, key=size_of) == [names[1], names[2], names[0]]
    assert group_of("swin_tiny_patch4_window7_224") == "swin" != group_of("swinv2_tiny_window8_256")


def test_the_page_counts_models_groups_and_causes() -> None:
    refused = {"outcome": "refused", "cause": "model xcit_a: aten.conv2d.default in module 'stem.0': a convolution on 'stem'"}
    results: dict[str, dict[str, Any]] = {
        "vit/vit": {"outcome": "converts", "difference": 1e-15, "members": ["vit_a", "vit_b"]},
        "xcit/xcit": {**refused, "members": ["xcit_a"]},
    }
    text = page(results, {"vit": ["vit_a", "vit_b"], "xcit": ["xcit_a", "xcit_b"]})
    assert "**2 of 4 transformer-like models (50%) convert, 1 of 2 groups.**" in text
    assert "| vit | 1/1 | 2/2 |  |" in text
    assert cause_of(refused) == "conv2d.default: a convolution on a node"
    assert "| xcit | 0/1 | 0/2 | not run yet (1); conv2d.default: a convolution on a node (1) |" in text
