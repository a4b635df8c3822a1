"""Is the structure of a timm model without weights that of its conversion with them?"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

from synaptile.conversion.convert import lower_model
from synaptile.conversion.graph import MTNeurons
from synaptile.conversion.structure import structure_of_timm
from synaptile.conversion.thresholds import apply_preset
from synaptile.conversion.weights import load_timm
from synaptile.foundation.errors import InputError, ModelError
from synaptile.foundation.options import Preset

OPTIONS: dict[str, Any] = {"depth": 1, "img_size": 64}


def shapes(graph: Any) -> Any:
    """Structure without thresholds and metadata."""
    nodes = graph.structure["nodes"]
    return [{key: value for key, value in node.items() if key not in ("theta1", "theta2", "n")} for node in nodes]


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_it_is_that_of_the_model_with_weights(preset: Preset) -> None:
    bare = structure_of_timm("vit_tiny_patch16_224", preset=preset, **OPTIONS)
    full = apply_preset(lower_model(load_timm("vit_tiny_patch16_224", random_seed=0, **OPTIONS)), preset)
    assert shapes(bare) == shapes(full) and not bare.arrays
    assert bare.ann_macs == full.ann_macs
    assert {site.n for site in bare.of_type(MTNeurons)} == {8}


def test_presets_fix_the_thresholds_they_fix() -> None:
    released = structure_of_timm("vit_tiny_patch16_224", preset="released", n=5, **OPTIONS)
    thresholds = {site.name: (site.theta1, site.theta2, site.n) for site in released.of_type(MTNeurons)}
    assert thresholds["blocks.0.mlp.fc2.in"] == (0.25, 0.08, 5) and thresholds["blocks.0.attn.q"] == (1.0, 1.0, 5)


def test_a_model_that_computes_buffers_is_built_whole() -> None:
    graph = structure_of_timm("beit_base_patch16_224", **OPTIONS)
    full = lower_model(load_timm("beit_base_patch16_224", random_seed=0, **OPTIONS))
    assert shapes(graph) == shapes(full) and not graph.arrays


def test_what_is_no_model_or_preset_is_refused() -> None:
    with pytest.raises(ModelError, match="timm has no model"):
        structure_of_timm("vit_tinny_patch16_224<script>")
    with pytest.raises(InputError, match="preset 'papper' does not exist"):
        structure_of_timm("vit_tiny_patch16_224", preset="papper", **OPTIONS)  # type: ignore[arg-type]  # wrong on purpose
