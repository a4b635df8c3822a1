"""Are stated number formats and function tables what is executed: the same bits in the dense reference and on cores?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import SpikingGraph, Synapse
from synaptile.conversion.thresholds import with_thresholds
from synaptile.energy import price
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip, vary
from synaptile.hwmodels.formats import BITS, SIGNIFICANDS, Table
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from synaptile.simulator.arithmetic import arithmetic_of
from synaptile.simulator.dense.rounding import rounded, segments_of, table_error
from synaptile.simulator.kernels.fire import empty_events, make_thresholds
from synaptile.simulator.kernels.formatted import HALVES, round_stream
from synaptile.simulator.kernels.held import Holding, fire_held
from synaptile.simulator.number_format import quantise
from tests.graphs import vit_graph
from tests.simulator.runs import execute_keeping_spikes, roomy_chip, some_images, splitting_chip
from tests.simulator.test_int8_identity import assert_bits_equal, graphs

RANGES = {"exp": (-8.0, 0.0), "erf": (-3.0, 3.0), "tanh": (-3.0, 3.0), "sigmoid": (-6.0, 6.0)}


def formatted(chip: Chip, weights: str, sums: str, overflow: str, half: str, membranes: str = "int32") -> Chip:
    """A chip that states formats, its words as wide as they are."""
    bits = {"synapse_core.weight_bits": int(weights[3:]), "synapse_core.accumulator_bits": int(sums[3:])}
    bits["synapse_core.membrane_bits"] = BITS[membranes]  # type: ignore[index]
    own = {"weights": weights, "accumulators": sums, "membranes": membranes, "overflow": overflow}
    stated = {f"synapse_core.formats.{key}": value for key, value in own.items()}
    return vary(
        chip,
        {
            **bits,
            **stated,
            "ec_core.formats.arithmetic": half,
            "ec_core.formats.products": "fp32",
            "ec_core.state_bank_bits": None,
        },
    )


def with_tables(chip: Chip, names: Any, segments: int, bits: int = 32) -> Chip:
    """A chip whose functions of these names are tables."""
    figures: dict[str, Any] = {}
    for name in names:
        figures |= {f"functions.{name}.segments": segments, f"functions.{name}.bits": bits}
        if name in RANGES:
            figures |= {f"functions.{name}.low": RANGES[name][0], f"functions.{name}.high": RANGES[name][1]}
    return vary(chip, figures) if figures else chip


def check_against_reference(graph: SpikingGraph, chip: Chip, steps: int, count: int, numeric: str | None = None) -> Any:
    """Spikes, logits and what left its range are those of the dense reference."""
    images = some_images(graph, count)
    expected = reference(graph, images, steps, numeric or "chip", chip=chip)
    activity, spikes = execute_keeping_spikes(map_graph(graph, chip, anneal_moves=20), images, steps, numeric)
    assert_bits_equal(activity.logits, expected.logits)
    for site, values in expected.spikes.items():
        assert_bits_equal(spikes[site], values)
    for node, counts in activity.departures.items():
        assert counts.tolist() == expected.departures[node].sum(axis=1).tolist(), node
    return activity


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    graph=graphs(),
    weights=st.sampled_from(["int4", "int8", "int16"]),
    sums=st.sampled_from(["int16", "int24", "int32"]),
    overflow=st.sampled_from(["saturate", "wrap"]),
    half=st.sampled_from(["fp16", "bf16", "fp32"]),
    membranes=st.sampled_from(["int16", "int24", "int32", "fp16", "bf16", "fp32"]),
    tables=st.sets(st.sampled_from(["div", "rsqrt", *RANGES])),
    split=st.booleans(),
)
def test_every_format_is_executed_as_stated(
    graph: SpikingGraph, weights: str, sums: str, overflow: str, half: str, membranes: str, tables: set[str], split: bool
) -> None:
    chip = formatted(splitting_chip() if split else roomy_chip(), weights, sums, overflow, half, membranes)
    check_against_reference(graph, with_tables(chip, sorted(tables), 16), 3, 2)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_sums_that_leave_their_accumulators_are_counted(overflow: str) -> None:
    """16-bit weights fill 16-bit sums: the property above must meet what it is about."""
    graph = vit_graph(1, 5, 12, 3, 20, 4)
    activity = check_against_reference(graph, formatted(splitting_chip(), "int16", "int16", overflow, "fp32"), 3, 2)
    assert sum(int(counts.sum()) for counts in activity.departures.values()) > 0


def test_a_sum_beyond_its_accumulator_is_an_error_on_request() -> None:
    graph = vit_graph(1, 5, 12, 3, 20, 4)
    program = map_graph(graph, formatted(roomy_chip(), "int16", "int16", "error", "fp32"))
    with pytest.raises(InputError, match=r"synapse '.*': [\d,]+ sums left their int16 accumulators .*: widen"):
        execute_keeping_spikes(program, some_images(graph, 1), 2, None)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_sums_that_leave_their_membranes_are_counted(overflow: str) -> None:
    """Thresholds a fiftieth of what fits."""
    plain = vit_graph(1, 5, 12, 3, 20, 4, n=2)
    graph = with_thresholds(plain, {site.name: (site.theta1 / 50, site.theta2 / 50, site.n) for site in plain.sites})
    chip = formatted(roomy_chip(), "int8", "int32", overflow, "fp32", "int8")
    program, images = map_graph(graph, chip), some_images(graph, 2)
    expected, found = reference(graph, images, 3, "chip", chip=chip), execute(program, images, 3)
    assert_bits_equal(found.logits, expected.logits)
    sites = [site.name for site in graph.sites if site.name in found.departures]
    assert sum(int(found.departures[site].sum()) for site in sites) > 0
    for site in sites:
        assert found.departures[site].tolist() == expected.departures[site].sum(axis=1).tolist()
    note = next(note for note in price(found, chip).notes if "sums left their membranes" in note)
    assert f"({overflow}), over 2 images" in note
    strict = vary(chip, {"synapse_core.formats.overflow": "error"})
    with pytest.raises(InputError, match=r"site '.*': [\d,]+ sums left their int8 membranes \(-128 to 127\): widen"):
        execute(map_graph(graph, strict), images, 3)


def test_a_membrane_too_narrow_for_its_thresholds_is_refused_before_anything_runs() -> None:
    graph = vit_graph(1, 5, 12, 3, 20, 4, n=6)
    program = map_graph(graph, formatted(roomy_chip(), "int8", "int32", "saturate", "fp32", "int8"))
    with pytest.raises(InputError, match=r"site '.*': an int8 membrane that holds 2\^3 times .*formats\.membranes"):
        execute(program, some_images(graph, 1), 2)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_membranes_of_whole_numbers_are_those_of_python_integers(overflow: str, seed: int) -> None:
    """A neuron at a time in unbounded integers: round, hold, find the threshold, take it off."""
    rng = np.random.default_rng(seed)
    n, bits, width, steps = int(rng.integers(1, 5)), int(rng.choice([8, 16, 24])), 5, 6
    larger, smaller = 2 ** (bits - 3 - n), int(rng.integers(2, 2 ** (bits - 3 - n) + 1))
    unit = 2.0 ** float(rng.integers(-20, 3))
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    site = (make_thresholds(larger, smaller, n, np.dtype(np.float64)), Holding(unit, low, high, overflow == "wrap", 0))
    currents = (rng.standard_normal((steps, width)) * unit * 2.0 ** rng.uniform(1, bits)).astype(np.float32)
    events = empty_events(steps, width, 1)
    histogram, beyond = fire_held(currents, 0, steps, site, np.array([0, width], np.int64), events)
    left = [0] * steps
    for c in range(width):
        membrane = 0
        for t in range(steps):
            membrane += round(Fraction(float(currents[t, c])) / Fraction(unit))
            left[t] += not low <= membrane <= high
            membrane = (membrane - low) % (high - low + 1) + low if overflow == "wrap" else min(max(membrane, low), high)
            code = max((k + 1 for k in range(n) if 2 * membrane >= larger * 2 ** (k + 1) - larger), default=0)
            code = -max((k + 1 for k in range(n) if -2 * membrane >= smaller * 2 ** (k + 1) - smaller), default=-code)
            assert events.codes[t, c] == code
            membrane -= larger * 2 ** (code - 1) if code > 0 else -smaller * 2 ** (-code - 1) if code < 0 else 0
    assert beyond.tolist() == left
    assert histogram.sum() == np.count_nonzero(events.codes)


def test_tables_are_executed_in_float64_too_and_inputs_outside_are_counted() -> None:
    graph = vit_graph(1, 5, 12, 3, 20, 4)
    chip = with_tables(roomy_chip(), ["erf", "exp"], 4096)
    narrow = vary(chip, {"functions.erf.low": -0.01, "functions.erf.high": 0.01})
    activity = check_against_reference(graph, narrow, 2, 1, "int8")
    assert activity.departures["blocks.0.mlp.act"].sum() > 0
    images = some_images(graph, 1)
    fine, plain = (reference(graph, images, 2, "float64", chip=one) for one in (chip, None))
    assert np.abs(fine.logits - plain.logits).max() < 1e-3


@pytest.mark.parametrize("name", ["div", "rsqrt", *RANGES])
def test_a_table_errs_as_chords_do(name: str) -> None:
    """h^2/8 max |f''| bounds a chord; a quarter of it per doubling of segments; fewer bits err more."""
    low, high = RANGES.get(name, SIGNIFICANDS.get(name, (0.0, 0.0)))
    ends = {} if name in SIGNIFICANDS else {"low": low, "high": high}
    errors = [table_error(name, Table(segments, 32, **ends)) for segments in (32, 64)]
    curvature = {"div": 2.0, "rsqrt": 0.75, "exp": 1.0, "erf": 0.968, "tanh": 0.77, "sigmoid": 0.0963}[name]
    assert errors[1] <= ((high - low) / 64) ** 2 / 8 * curvature * 1.01
    assert 3.5 < errors[0] / errors[1] < 4.2
    assert table_error(name, Table(64, 6, **ends)) > 5 * errors[1]
    points, slope, _ = segments_of(name, Table(64, 6, **ends))
    assert len(points) == 65 and len(np.unique(np.rint(slope / np.abs(slope).max() * 31))) <= 63


def test_rounding_to_half_precision_is_that_of_numpy_and_of_the_top_bits() -> None:
    rng = np.random.default_rng(0)
    some = (rng.standard_normal(4000) * 10.0 ** rng.uniform(-9, 6, 4000)).astype(np.float32)
    ties = np.array([1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 3 * 2**-25, 65519.9, 65520, 1e30, -1e30, 0.0], np.float32)
    numbers = np.concatenate([some, ties]).reshape(1, -1)
    with np.errstate(over="ignore"):
        half = numbers.astype(np.float16).astype(np.float32)
    half = np.clip(half, -65504, 65504)
    for name, expected in (("fp16", half), ("bf16", None)):
        found = numbers.copy()
        round_stream(found, HALVES[name])
        if expected is not None:
            np.testing.assert_array_equal(found, expected)
        assert (np.abs(found - numbers) <= np.abs(numbers) * 2.0**-8).all() or name == "fp16"
        np.testing.assert_array_equal(found, rounded(numbers, name))  # type: ignore[arg-type]


@given(bits=st.sampled_from(["int4", "int8", "int16"]), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_weights_are_nearest_levels_of_their_format(bits: Any, seed: int) -> None:
    graph = vit_graph(1, 5, 8, 2, 16, 3, seed=seed)
    chip = formatted(roomy_chip(), bits, "int32", "saturate", "fp32")
    head = graph.nodes["head"]
    assert isinstance(head, Synapse)
    found, highest = quantise(graph, head, arithmetic_of(chip, "chip")), 2 ** (int(bits[3:]) - 1) - 1
    assert np.abs(found.levels.astype(int)).max() == highest
    weight = graph.array("head", "weight").astype(np.float64)
    assert (np.abs(weight - found.scale[:, None].astype(float) * found.levels) <= 0.501 * found.scale[:, None]).all()


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"synapse_core.formats.weights": "int8"}, r"formats\.weights is int8, but synapse_core\.weight_bits is 16"),
        ({"synapse_core.formats.accumulators": "fp16"}, r"accumulators is fp16, weights are int16: sums are whole numbers"),
        ({"ec_core.formats.products": "int32", "ec_core.state_bits": 16}, r"products is int32, but a word of the core is 16"),
        (
            {"synapse_core.formats.weights": "fp16", "synapse_core.formats.accumulators": "fp16"},
            r"accumulators is fp16, but sums of real weights are executed in fp32 alone",
        ),
        ({"ec_core.formats.arithmetic": "int16"}, r"arithmetic is int16, but EC units are executed in fp16, bf16 or fp32 alone"),
        ({"ec_core.formats.sums": "fp16"}, r"sums is fp16, but EC units are executed in one format, .* is fp32: leave sums out"),
        ({"noc.word_format": "fp16"}, r"noc\.word_format is fp16, but noc\.word_bits is 32"),
        ({"functions.erf.segments": 8, "functions.erf.bits": 8}, r"functions\.erf\.low is missing: give the range"),
        ({"functions.div.segments": 8, "functions.div.bits": 1}, r"functions\.div\.bits is 1, .* 2 to 32"),
    ],
)
def test_contradictory_formats_are_refused_before_anything_runs(figures: dict[str, Any], told: str) -> None:
    chip = formatted(roomy_chip(), "int16", "int16", "error", "fp32")
    with pytest.raises(ChipError, match=told):
        vary(chip, figures)


def test_formats_of_one_kind_of_core_alone_are_refused_and_so_is_a_run_in_formats_that_are_not_stated() -> None:
    with pytest.raises(ChipError, match=r"synapse_core\.formats is missing, but ec_core states its own"):
        vary(roomy_chip(), {"ec_core.formats.arithmetic": "fp32"})
    with pytest.raises(InputError, match="numeric is 'chip', but small states no formats"):
        arithmetic_of(roomy_chip(), "chip")
