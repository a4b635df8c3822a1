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
        "vit/vit": {"outcome": "converts", "difference": 1e-15, "members": ["vit_a", "vit_b"], "model": "vit_a"},
        "xcit/xcit": {**refused, "members": ["xcit_a"]},
    }
    text = page(results, {"vit": ["vit_a", "vit_b"], "xcit": ["xcit_a", "xcit_b"]})
    assert "**2 of 4 transformer-like models (50%) convert, 1 of 2 groups.**" in text
    assert "| vit | 1/1 | 2/2 |  |  |" in text
    assert cause_of(refused) == "conv2d.default: a convolution on a node"
    assert "| xcit | 0/1 | 0/2 |  | not run yet (1); conv2d.default: a convolution on a node (1) |" in text


def test_the_page_says_who_stays_below_by_the_better_method() -> None:
    def entry(model: str, **cosine: float | dict[str, str]) -> dict[str, Any]:
        return {"outcome": "converts", "difference": 1e-15, "members": [model], "model": model, "cosine": cosine}

    late = {"outcome": "failed", "cause": "ran beyond 60 s"}
    results = {
        "vit/a": entry("vit_a", ecmt=0.9, differential=0.9999),
        "vit/b": entry("vit_b", ecmt=0.5, differential=late),
        "vit/c": entry("vit_c", ecmt=late, differential=late),
    }
    text = page(results, {"vit": ["vit_a", "vit_b", "vit_c"]})
    assert "**1 of 2 executed reach a cosine of 0.999" in text and "Below: vit_b 0.5000." in text
    assert "| vit | 3/3 | 3/3 | 0.5000 |  |" in text
