"""Is a QANN file read back as it was, and one that would settle elsewhere refused by name?"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.conversion.spikezip import load_qann, qann_levels, save_qann
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import CalibrationError, FileFormatError, GraphError, InputError, WeightsError
from tests.graphs import vit_graph
from tests.spikezip.networks import images_of, small_qann


def lowered() -> SpikingGraph:
    return vit_graph(2, 5, 8, 2, 16, 3, seed=9, dtype=np.float64)  # other weights: the file's count


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_qann(small_qann(), tmp_path / "qann.safetensors")
    return tmp_path / "qann.safetensors"


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> Path:
    """The file with facts and tensors changed and its digest made to fit: what another writer might hand over."""
    tensors = {name: array.copy() for name, array in load_file(path).items()}
    with safe_open(path, framework="numpy") as file:
        header = dict(file.metadata())
    facts = json.loads(header["qann"])
    change(facts, tensors)
    save_file(tensors, path, metadata=header | {"qann": json.dumps(facts), "digest": digest_of(facts, tensors)})
    return path


def test_it_comes_back_as_it_was(saved: Path) -> None:
    graph, again = small_qann(), load_qann(saved, lowered())
    images = images_of(graph, 3)
    for before, after in zip(qann_levels(graph, images), qann_levels(again, images), strict=True):
        if isinstance(before, dict) and isinstance(after, dict):
            assert all((before[site] == after[site]).all() for site in before)
        else:
            np.testing.assert_array_equal(before, after)
    assert load_qann(saved, lowered(), "rate").metadata["input"] == "rate"


def test_only_a_qann_is_saved(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="is no QANN"):
        save_qann(lowered(), tmp_path / "no.safetensors")


@pytest.mark.parametrize("step", [0.0, -0.5, float("nan")])
def test_a_step_that_is_not_positive(saved: Path, step: float) -> None:
    def change(_facts: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
        tensors["blocks.0.attn.q.step_size"][:] = step

    with pytest.raises(CalibrationError, match=r"'blocks.0.attn.q': step size"):
        load_qann(rewritten(saved, change), lowered())


@pytest.mark.parametrize(("levels", "message"), [(24, "power of two"), (None, "power of two"), (2**20, "accumulator")])
def test_levels_that_cannot_be(saved: Path, levels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_qann(rewritten(saved, lambda facts, _: facts.update(levels=levels)), lowered())


def test_layer_norms_of_another_epsilon(saved: Path) -> None:
    graph = lowered()
    nodes = [dataclasses.replace(n, eps=1e-5) if isinstance(n, ECUnit) and n.name == "norm" else n for n in graph.nodes.values()]
    with pytest.raises(GraphError, match=r"LayerNorm 'norm' was trained with epsilon 1e-06, the network has 1e-05"):
        load_qann(saved, SpikingGraph.build("net", nodes, graph.arrays))
    with pytest.raises(FileFormatError, match="records no LayerNorm epsilons"):
        load_qann(rewritten(saved, lambda facts, _: facts.pop("layer_norm_eps")), graph)


def test_a_step_per_channel(saved: Path) -> None:
    with pytest.raises(WeightsError, match=r"step size of 'head.in' has 8 values, needs 1"):
        load_qann(rewritten(saved, lambda _, tensors: tensors.update({"head.in.step_size": np.ones(8)})), lowered())


def test_weights_of_another_network(saved: Path) -> None:
    with pytest.raises(WeightsError, match="shape"):
        load_qann(saved, vit_graph(2, 5, 8, 2, 24, 3, dtype=np.float64))
    with pytest.raises(CalibrationError, match="no step size"):
        load_qann(saved, vit_graph(3, 5, 8, 2, 16, 3, dtype=np.float64))


def test_a_file_that_was_altered_or_is_none(saved: Path, tmp_path: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    (tmp_path / "altered.safetensors").write_bytes(content)
    with pytest.raises(FileFormatError, match="altered"):
        load_qann(tmp_path / "altered.safetensors", lowered())
    (tmp_path / "short.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError):
        load_qann(tmp_path / "short.safetensors", lowered())
    with pytest.raises(FileFormatError, match="no such file"):
        load_qann(tmp_path / "none.safetensors", lowered())
