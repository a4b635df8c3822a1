"""Do networks of whole numbers do what their equations say, on cores, densely and neuron by neuron?"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer, load_integer_network, save_integer_network
from synaptile.energy import price
from synaptile.foundation.errors import FileFormatError, GraphError, ImageError, InputError, SynaptileError, WeightsError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from synaptile.simulator.dense.reference import reference
from synaptile.studies.validation import mnist_on_loihi
from tests.integer.networks import by_hand, currents, small


def run(network: IntegerNetwork, samples: np.ndarray, steps: int) -> Activity:
    return execute(map_graph(from_integer(network), load_chip("loihi"), anneal_moves=0), samples, steps, keep_spikes=99)


def fired(activity: Activity, site: str, width: int) -> np.ndarray:
    masks = activity.spikes[site].masks
    assert masks is not None
    return np.unpackbits(masks, axis=-1, count=width)[:, :, 0]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 99),
    delay=st.integers(0, 1),
    reset=st.sampled_from(["value", "subtract"]),
    bits=st.sampled_from([10, 24]),
)
def test_three_executions_agree_to_the_last_spike(seed: int, delay: int, reset: str, bits: int) -> None:
    network = small(seed, delay=delay, input_reset=reset, membrane_bits=bits, overflow="wrap")
    samples, graph = currents(2, seed), from_integer(network)
    activity, dense = run(network, samples, 9), reference(graph, samples, 9)
    for sample in range(2):
        spikes, logits, issued = by_hand(network, samples[sample], 9)
        if bits == 24:  # a membrane that is read has no bits of its own
            assert np.array_equal(activity.logits[:, sample], logits)
        for site, rows in zip(graph.sites, spikes, strict=True):
            assert np.array_equal(fired(activity, site.name, site.width)[:, sample], rows)
            assert np.array_equal(dense.spikes[site.name][:, sample, 0], rows)
        assert np.array_equal(activity.accounting.eq30[:, :, sample].T, issued)
    assert np.array_equal(activity.logits, dense.logits)
    assert activity.spikes["b.neurons"].events.sum() > 0


def test_a_wrapping_membrane_is_counted_and_else_refused() -> None:
    network = small(membrane_bits=10, overflow="wrap")
    assert run(network, currents(1), 12).provenance["membrane_overflows"]["a.neurons"] > 0  # type: ignore[index]
    with pytest.raises(InputError, match=r"of 'a.neurons' leaves its membrane's 10 bits at step .*: limit 511: scale weights"):
        run(replace(network, overflow="refuse"), currents(1), 12)


def test_spike_trains_go_in_as_well() -> None:
    network = small(input_threshold=None)
    trains = (np.random.default_rng(3).random((6, 2, 50)) < 0.4).astype(np.float32)
    activity, dense = run(network, trains, 6), reference(from_integer(network), trains, 6)
    assert np.array_equal(activity.logits, dense.logits) and activity.logits.any()


def test_a_file_gives_the_same_graph(tmp_path: Path) -> None:
    network = small(source="here")
    save_integer_network(network, tmp_path / "net.npz")
    assert from_integer(tmp_path / "net.npz").digest == from_integer(network).digest
    assert load_integer_network(tmp_path / "net.npz").layers[1].reset == "subtract"


def test_the_run_is_priced() -> None:
    activity = run(small(), currents(1), 4)
    report = price(activity, activity.program.chip)
    assert report.number_format == "int8" and report.ratio("executed", step=4) > 0


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ({"weight": np.full((4, 2, 3, 3), 0.5)}, GraphError, "weights are float64, needs integers"),
        (
            {"weight": np.full((4, 3, 3, 3), 1)},
            GraphError,
            r"weights of shape \(4, 3, 3, 3\) in 1 groups on an input",
        ),
        ({"weight": np.full((4, 2, 3, 3), 40_000)}, WeightsError, r"'a.weight' .* no whole numbers of up to 32,767"),
        ({"stride": 0}, GraphError, "at stride 0 leaves nothing"),
        ({"threshold": None}, GraphError, "layer 'a' has no threshold: only the last"),
        ({"threshold": 2**23}, WeightsError, "a threshold of 24 bits is 0 to 8,388,607"),
        ({"decay": 5000}, GraphError, "decay of 5000 4096ths, needs 0 to 4096"),
        ({"exponent": -1}, GraphError, "exponent -1 and delay 1"),
        ({"reset": "soft"}, GraphError, "reset 'soft' and overflow 'refuse': give 'value' or 'subtract'"),
    ],
)
def test_a_bad_layer_is_refused(layer: dict[str, object], error: type[SynaptileError], message: str) -> None:
    network = small()
    bad = replace(network, layers=[replace(network.layers[0], **layer), *network.layers[1:]])  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        from_integer(bad)


def test_sums_beyond_32_bits_are_refused_before_anything_runs() -> None:
    layer = IntegerLayer("wide", np.full((1, 50), 32_767), exponent=16)
    with pytest.raises(InputError, match=r"fan-in 50 can sum to 107,370,905,600, over the 32-bit accumulator's"):
        run(IntegerNetwork("n", (2, 5, 5), [layer], 10), currents(1), 1)


def test_bad_samples_formats_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="currents: holds 1 values that are no whole numbers"):
        run(small(), np.where(np.arange(50) == 7, 0.5, 1.0)[None], 1)
    with pytest.raises(ImageError, match=r"currents: shape \(1, 49\)"):
        run(small(), np.zeros((1, 49)), 1)
    with pytest.raises(InputError, match="works in whole numbers, which float32 does not mean"):
        execute(map_graph(from_integer(small()), load_chip("loihi")), currents(1), 1, "float32")
    with pytest.raises(GraphError, match=r"has an input of \(1, '5', 5\)"):
        from_integer(replace(small(), image=(1, "5", 5)))  # type: ignore[arg-type]
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(FileFormatError, match="no integer network"):
        from_integer(tmp_path / "other.npz")


def test_intels_network_sends_the_spikes_of_the_summary() -> None:
    """Eight of 128 images; all of them: docs/integer.md."""
    silicon = mnist_on_loihi()
    activity = run(silicon.network, silicon.images[8:10, None], 511)
    assert activity.logits[-1].argmax(axis=1).tolist() == [6, 9]  # the first is a 5, and Loihi's mistake


def test_a_file_that_claims_more_than_it_holds_is_refused_unread(tmp_path: Path) -> None:
    """A header of petabytes, and JSON nested beyond what Python reads: each ended in a traceback once."""
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (999999999999999,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "lies.npz", "w") as archive:
        archive.writestr("fc.weight.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    np.savez(tmp_path / "deep.npz", network=np.array("[" * 100_000))
    for name, part in (("lies.npz", "claims shape"), ("deep.npz", "nested too deep")):
        with pytest.raises(FileFormatError, match=f"no integer network.*{part}"):
            from_integer(tmp_path / name)
