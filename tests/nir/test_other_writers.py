"""Networks that another library wrote to NIR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from synaptile.conversion.nir import from_nir
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute
from tests.nir import plain
from tests.nir.networks import recorded, trains

WRITTEN = Path(__file__).with_name("snntorch.nir")
"""A convolutional network written by snnTorch 1.0.0 (nir 1.0.8), as `written_by_snntorch` writes it."""


def check_against_plain_loops(network: Any) -> None:
    spikes = trains(network, 10, 2, rate=0.4)
    fired, logits = plain.run(network, spikes)
    activity = execute(map_graph(from_nir(network), load_chip("loihi"), anneal_moves=0), spikes, 10, "float64", keep_spikes=2)
    assert len(fired) == 3
    for site, values in fired.items():
        assert 0.02 < values.mean() < 0.98, f"{site} tests nothing"
        assert np.array_equal(recorded(activity, site), values)
    assert np.array_equal(activity.logits, logits)


def test_a_file_that_snntorch_wrote_runs_on_loihi() -> None:
    check_against_plain_loops(nir.read(WRITTEN, type_check=False))


def test_what_snntorch_writes_now_runs_on_loihi(tmp_path: Path) -> None:
    pytest.importorskip("snntorch")
    pytest.importorskip("nirtorch")
    network = written_by_snntorch(1)
    nir.write(tmp_path / "net.nir", network)
    check_against_plain_loops(network)
    check_against_plain_loops(nir.read(tmp_path / "net.nir", type_check=False))


def written_by_snntorch(seed: int) -> Any:
    """snnTorch's export of a small network: Conv2d, Leaky, AvgPool2d, Flatten, Linear, Leaky, Linear, Synaptic."""
    import snntorch
    import torch
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(seed)

    def leaky(beta: float, *shape: int) -> Any:
        return snntorch.Leaky(beta=torch.full(shape, beta), threshold=torch.full(shape, 0.4), init_hidden=True)

    half = torch.full((5,), 0.2)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding=1),
        leaky(0.9, 3, 8, 8),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(48, 12),
        leaky(0.8, 12),
        torch.nn.Linear(12, 5),
        snntorch.Synaptic(alpha=0.7 + 0 * half, beta=0.85 + 0 * half, threshold=half, init_hidden=True, output=True),
    )
    return export_to_nir(network, torch.rand(1, 2, 8, 8), ignore_dims=[0])


def test_if_neurons_that_spikingjelly_2_writes_spike_as_it_runs_them() -> None:
    """It writes r = 1 / dt: read per step, every positive current would fire."""
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange", reason="SpikingJelly 2 is not installed")
    torch = pytest.importorskip("torch")
    from spikingjelly.activation_based.neuron import IFNode

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(2, 6, 3, padding=1), torch.nn.Conv2d(6, 8, 3, stride=2, padding=1), torch.nn.Linear(200, 12)]
    sites = [IFNode(v_threshold=1.0, v_reset=0.0) for _ in layers]
    flat = torch.nn.Flatten()
    model = torch.nn.Sequential(layers[0], sites[0], layers[1], sites[1], flat, layers[2], sites[2])
    graph = from_nir(exchange.export_to_nir(model, torch.rand(1, 2, 10, 9)))
    spikes = (np.random.default_rng(0).random((20, 2, 2, 10, 9)) < 0.3).astype(np.float32)
    theirs: dict[int, list[Any]] = {id(site): [] for site in sites}
    with torch.no_grad():
        for step in torch.from_numpy(spikes):
            stream = step
            for module in model:
                stream = module(stream)
                if id(module) in theirs:
                    theirs[id(module)].append(stream.reshape(2, -1).numpy())
    program = map_graph(graph, load_chip("loihi"), anneal_moves=0)
    activity = execute(program, spikes.reshape(20, 2, -1), 20, "float32", keep_spikes=2)
    assert graph.metadata["if_unit"] == "second"
    for site, fired in zip([site.name for site in graph.sites if site.inputs], theirs.values(), strict=True):
        assert np.array_equal(recorded(activity, site), np.stack(fired)) and np.stack(fired).any()
