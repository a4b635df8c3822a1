"""Small studies: a tiny transformer in a graph file, noise for images, chips of a few tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synaptile.conversion.graph import save_graph
from tests.graphs import vit_graph

MINI = "ecmt45-mini"


def graph_file(folder: Path, **options: Any) -> Path:
    path = folder / "tiny.spk"
    save_graph(vit_graph(1, 5, 8, 2, 16, 3, **options), path)
    return path


def tiny(folder: Path, **changes: Any) -> dict[str, Any]:
    """A grid of twelve points over lanes, memory (another mapping) and steps; `changes` replace keys, None removes them."""
    file = folder / "tiny.spk"
    study: dict[str, Any] = {
        "name": "tiny",
        "model": {"graph": str(file if file.is_file() else graph_file(folder))},
        "images": {"from": "noise", "limit": 2},
        "chip": MINI,
        "steps": 3,
        "mapping": {"placement": "row_major"},
        "grid": {
            "steps": [2, 3],
            "chip.synapse_core.lanes_per_cycle": [1, 4],
            "weights": {
                "small": {"chip.synapse_core.weight_memory_bits": 4096, "chip.synapse_core.weight_bank_bits": 4096},
                "large": {"chip.synapse_core.weight_memory_bits": 65536, "chip.synapse_core.weight_bank_bits": 4096},
                "tiny": {"chip.synapse_core.weight_memory_bits": 64, "chip.synapse_core.weight_bank_bits": 64},
            },
        },
        "objectives": ["latency_ms", "energy_static_pj", "area_mm2"],
    }
    return {name: value for name, value in (study | changes).items() if value is not None}
