"""NIR in, NIR out: the same graph, the same weights, the same spikes, in memory and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from synaptile.conversion.graph import load_graph, save_graph
from synaptile.conversion.nir import from_nir, to_nir, write_nir
from synaptile.foundation.errors import FileFormatError
from tests.nir import plain
from tests.nir.networks import convolutional, lenet, perceptron, trains

NETWORKS = {
    "perceptron": perceptron,
    "convolutional": convolutional,
    "mean pooling": lambda: convolutional(pool=nir.AvgPool2d),
    "lenet": lenet,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_survives_nir_and_its_files(name: str, tmp_path: Path) -> None:
    graph = from_nir(NETWORKS[name](), dt=2e-4)
    assert from_nir(to_nir(graph)).digest == graph.digest
    write_nir(graph, tmp_path / "net.nir")
    assert from_nir(tmp_path / "net.nir", name="nir").digest == graph.digest
    save_graph(graph, tmp_path / "net.spk")
    assert load_graph(tmp_path / "net.spk").digest == graph.digest


@pytest.mark.parametrize("name", ["perceptron", "convolutional"])
def test_what_is_written_means_what_was_read(name: str) -> None:
    network = NETWORKS[name]()
    again = to_nir(from_nir(network))
    assert sorted(type(node).__name__ for node in again.nodes.values()) == sorted(
        type(n).__name__ for n in network.nodes.values()
    )
    spikes = trains(network, 6, 1)
    (fired, logits), (fired_again, logits_again) = plain.run(network, spikes), plain.run(again, spikes)
    assert all(np.array_equal(fired[site], fired_again[site]) for site in fired)
    assert np.array_equal(logits, logits_again)


def test_a_file_by_nirs_own_writer_is_read(tmp_path: Path) -> None:
    network = convolutional()
    nir.write(tmp_path / "net.nir", network)
    assert from_nir(tmp_path / "net.nir").digest == from_nir(network, name="net").digest


def test_layers_that_state_neither_shape_nor_pairs_are_read_alike() -> None:
    terse, full = lenet(), lenet()
    for name in ("conv1", "conv2"):
        terse.nodes[name].input_shape = None
        terse.nodes[name].stride, terse.nodes[name].padding, terse.nodes[name].dilation = 1, "valid", (1, 1)
    for name in ("pool1", "pool2"):
        terse.nodes[name].kernel_size, terse.nodes[name].stride, terse.nodes[name].padding = 2, (2, 2), 0
    assert from_nir(terse).digest == from_nir(full).digest


def test_the_shared_sum_of_two_synapses_survives() -> None:
    network: Any = perceptron()
    network.nodes["skip"] = nir.Linear(weight=np.ones((7, 30)))
    network.edges += [("if", "skip"), ("skip", "cuba")]
    graph = from_nir(network)
    assert from_nir(to_nir(graph)).digest == graph.digest


@pytest.mark.parametrize("content", [b"", b"not a file of HDF5"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.nir").write_bytes(content)
    with pytest.raises(FileFormatError, match="not a readable NIR file"):
        from_nir(tmp_path / "net.nir")
    with pytest.raises(FileFormatError, match="no such file"):
        from_nir(tmp_path / "other.nir")
