"""Are spikes drawn at the rates asked for, from whichever source, and are unusable rates refused?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from synaptile.conversion.graph import STBIFNeurons
from synaptile.energy import price
from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.hwmodels import load_chip
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, synthesise
from synaptile.simulator.synthetic import as_rates, density_of_ratio, uniform_rates
from synaptile.simulator.synthetic.draw import draw
from synaptile.simulator.synthetic.rates import site_rates
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.spikezip.networks import small_qann
from tests.synaptile.models import small_digits_graph
from tests.synthetic.drawn import small_program, small_run, structure_of

SITES = [site.name for site in small_program().graph.sites]


def rate_of(activity: Activity, site: str) -> np.ndarray:
    record = activity.spikes[site]
    return np.asarray(record.histogram.sum(axis=1) / (record.neurons * activity.images))


@settings(max_examples=25, deadline=None)
@given(rate=some.lists(some.floats(0.02, 0.9), min_size=3, max_size=3), keep=some.floats(0, 1), seed=some.integers(0, 2**31))
def test_spikes_come_at_their_rate_and_thresholds_and_reach_the_share_that_fires(
    rate: list[float], keep: float, seed: int
) -> None:
    site = vit_graph(1, 50, 64, 2, 64, 3).sites[0]
    rates = np.array(rate)
    most = 1.0 - np.cumprod(1.0 - rates)
    fired = np.maximum.accumulate(np.maximum(rates, rates[0] + keep * (most - rates[0])))
    fired = np.minimum(fired, np.concatenate([rates[:1], fired[:-1] + rates[1:]]))
    levels = np.arange(1.0, 2 * site.n + 1)
    stated = site_rates(site, rates, fired, levels / levels.sum())
    codes = np.stack(list(draw(site, stated, (seed, 0, 0)))).reshape(3, -1)
    error = 5 * 0.5 / np.sqrt(site.size)
    np.testing.assert_allclose((codes != 0).mean(axis=1), rates, atol=error)
    np.testing.assert_allclose(np.logical_or.accumulate(codes != 0).mean(axis=1), fired, atol=error)
    spikes = codes[codes != 0].astype(int)
    place = np.where(spikes > 0, spikes - 1, site.n - spikes - 1)
    found = np.bincount(place, minlength=2 * site.n) / place.size
    np.testing.assert_allclose(found, stated.levels, atol=5 * 0.5 / np.sqrt(place.size))


def test_a_tracer_stays_within_its_limits() -> None:
    site = next(site for site in small_qann(levels=4).sites if isinstance(site, STBIFNeurons))
    codes = np.stack(list(draw(site, site_rates(site, np.full(40, 0.9)), (0, 0, 0))))
    tracer = codes.astype(int).cumsum(axis=0)
    assert site.low <= tracer.min() and tracer.max() <= site.high and (tracer == site.high).any()


def test_the_seed_decides_and_an_image_does_not_depend_on_how_many_there_are() -> None:
    program = small_program()
    one, two = (synthesise(program, 3, 0.3, images=images, seed=7, keep_spikes=2) for images in (1, 2))
    other = synthesise(program, 3, 0.3, images=1, seed=8, keep_spikes=2)
    for site in SITES:
        np.testing.assert_array_equal(one.spikes[site].events, two.spikes[site].events[:, :1])
    assert any((one.spikes[site].events != other.spikes[site].events).any() for site in SITES)
    assert any((two.spikes[site].events[:, 0] != two.spikes[site].events[:, 1]).any() for site in SITES)


@pytest.mark.slow
def test_the_rates_of_a_run_give_its_ratios_back() -> None:
    program = map_graph(small_digits_graph(), load_chip("ecmt45-mini"), placement="row_major")
    run = execute(program, digits("test", 8).images, 5, keep_spikes=8)
    drawn = synthesise(program, 5, run, images=8, seed=1)
    for accounting, error in (("eq30", 0.01), ("released", 0.01), ("executed", 0.003), ("noc", 0.01)):
        found, wanted = (price(activity, program.chip).ratios(accounting) for activity in (drawn, run))
        np.testing.assert_allclose(found, wanted, rtol=error, err_msg=accounting)
    # Neurons that fired fire again: were that lost, products would meet more running sums that are not zero.
    rates = {site: rate_of(run, site).tolist() for site in run.spikes}
    forgetful = synthesise(program, 5, rates, images=8, seed=1)
    products = [i for i, name in enumerate(run.accounting.nodes) if name.endswith((".qk", ".sv"))]
    wanted = run.accounting.eq30[products].sum()
    errors = [abs(activity.accounting.eq30[products].sum() / wanted - 1) for activity in (drawn, forgetful)]
    assert errors[0] < errors[1] / 2


def test_a_run_is_carried_over_by_kind_and_relative_depth_and_goes_on_as_it_ended() -> None:
    run = small_run(steps=3)
    larger = structure_of(vit_graph(5, 9, 32, 4, 64, 3))
    rates = as_rates(run, larger, 5)
    for depth, (first, second) in {0: (1.0, 0.0), 2: (0.5, 0.5), 4: (0.0, 1.0)}.items():
        wanted = first * rate_of(run, "blocks.0.attn.q") + second * rate_of(run, "blocks.1.attn.q")
        np.testing.assert_allclose(rates.sites[f"blocks.{depth}.attn.q"].rate[:3], wanted, rtol=1e-9)
    q = as_rates(run, run.program.graph, 5).sites["blocks.0.attn.q"]
    np.testing.assert_allclose((q.again[2:], q.fresh[2:]), (np.full(3, q.again[2]), np.full(3, q.fresh[2])), rtol=1e-9)
    assert any("past step 3" in told for told in rates.assumptions)
    assert any("relative depth" in told for told in rates.assumptions)
    activity = synthesise(map_graph(larger, small_chip()), 5, run)
    assert activity.synthetic is not None and "run of synthetic-vit" in activity.synthetic


def test_a_run_without_a_kind_of_site_cannot_be_carried_over() -> None:
    run = synthesise(small_program(dense_head=True), 2, 0.2)
    with pytest.raises(InputError, match=r"site 'head.in': the run of .* has no site of the kind 'head.in', it has blocks"):
        as_rates(run, small_program().graph, 2)


@pytest.mark.parametrize("steps", [1, 4, 8])
@pytest.mark.parametrize("accounting", ["eq30", "released"])
def test_a_ratio_gives_the_density_that_gives_the_ratio(steps: int, accounting: str) -> None:
    program = map_graph(structure_of(vit_graph(2, 17, 48, 3, 96, 10)), small_chip())
    ratio = 0.09 * steps
    density = density_of_ratio(ratio, steps, program.graph, accounting)
    found = price(synthesise(program, steps, density, images=2), program.chip).ratio(accounting)
    assert found == pytest.approx(ratio, rel=0.02)


def test_the_plain_density_of_a_ratio_is_that_of_linears() -> None:
    assert density_of_ratio(0.37, 4) == pytest.approx(0.37 * 4.6 / (0.9 * 4))


GOOD = """\
source: "measured elsewhere"
default: 0.1
sites:
  - {match: "blocks.*.attn.q", rate: 0.5}
  - {match: "regex:blocks\\\\.1\\\\..*fc[12]\\\\.in", rate: [0.2, 0.4, 0.6], assumed: as at half the width}
  - {match: blocks.0.attn.q, rate: [0.3, 0.3, 0.3], fired: [0.3, 0.4, 0.4]}
"""


def test_a_file_gives_rates_by_name_pattern_and_step(tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(GOOD)
    rates = as_rates(file, small_program().graph, 3)
    assert rates.sites["blocks.0.attn.k"].rate.tolist() == [0.1] * 3
    assert rates.sites["blocks.1.attn.q"].rate.tolist() == [0.5] * 3
    assert rates.sites["blocks.0.attn.q"].fired.tolist() == [0.3, 0.4, 0.4]
    assert rates.sites["blocks.1.mlp.fc2.in"].rate.tolist() == [0.2, 0.4, 0.6]
    assert rates.sites["blocks.0.mlp.fc2.in"].rate.tolist() == [0.1] * 3
    assert rates.source == "rates of rates.yaml (measured elsewhere)"
    assert any("as at half the width" in told for told in rates.assumptions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default: 0.1", "exactly one of source and assumed"),
        ("assumed: x\nsource: y\ndefault: 0.1", "exactly one of source and assumed"),
        ("assumed: x", "the file holds no rate"),
        ("assumed: x\ndefault: 1.2", "default is 1.2: needs a number from 0 to 1"),
        ("assumed: x\ndefault: -0.1", "default is -0.1: needs a number from 0 to 1"),
        ("assumed: x\ndefault: .nan", "default is nan: needs a number from 0 to 1"),
        ("assumed: x\ndefault: [0.1, .inf]", "needs a number from 0 to 1"),
        ("assumed: x\ndefault: '0.1'", "default is '0.1'"),
        ("assumed: x\ndefault: true", "default is true"),
        ("assumed: x\ndefualt: 0.1", "defualt is not a known key: did you mean 'default'?"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: a, rates: 0.1}]", "did you mean 'rate'?"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: blocks.0.atn.q, rate: 0.1}]", "did you mean 'blocks.0.attn.q'?"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: '<script>', rate: 0.1}]", "no site of the graph matches '<script>'"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: 'regex:(', rate: 0.1}]", "is no regular expression"),
        ("assumed: x\nsites: [{match: '*.q', rate: 0.1}]", "gives no rate for"),
        ("assumed: x\ndefault: [0.1, 0.2]", "gives 2 steps, 3 are asked for"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: '*.q', rate: 0.3, fired: [0.3, 0.2, 0.4]}]", "contradict each other"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: '*.q', rate: 0.3, fired: [0.3, 0.9, 0.9]}]", "contradict each other"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: '*.q', rate: [0.3, 0.9, 0.9], fired: [0.3, 0.5, 0.6]}]", "raise it"),
        ("assumed: x\ndefault: 0.1\nsites: [{match: '*.q', rate: 0.3, levels: [0.5, 0.5]}]", "needs 16"),
    ],
)
def test_files_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        as_rates(file, small_program().graph, 3)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "rates.yaml:1: not valid YAML"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"a: 1\na: 2", "rates.yaml:2: key 'a' is given twice"),
        (b"- 1", "holds a list, not a mapping: write `source:`, `default:` and `sites:`"),
        (b"", "is empty: write `source:`"),
    ],
)
def test_files_that_are_no_yaml_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "rates.yaml"
    file.write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        as_rates(file, small_program().graph, 3)


@pytest.mark.parametrize("name", ["missing.yaml", "x\0y", "a" * 5000])
def test_files_that_are_not_there_are_refused(name: str) -> None:
    with pytest.raises(FileFormatError):
        as_rates(name, small_program().graph, 3)


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), float("inf"), 3.0, "x", True])
def test_ratios_that_imply_no_density_are_refused(ratio: float) -> None:
    for graph in (None, small_program().graph):
        with pytest.raises(InputError, match="ratio"):
            density_of_ratio(ratio, 2, graph)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": 1.5}, "needs to lie from 0 to 1"),
        ({"rates": float("nan")}, "needs to lie from 0 to 1"),
        ({"rates": True}, "density is True"),
        ({"rates": None}, "density is None"),
        ({"rates": {"nosuch": 0.1}}, "no site of the graph matches 'nosuch'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 10**9}, "has at most 65,536"),
        ({"images": 0}, "images is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"keep_spikes": -1}, "keep_spikes is -1"),
        ({"numeric": "float8"}, "float8"),
        ({"chip": small_chip()}, "is mapped to small already"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"target": small_program(), "steps": 2, "rates": 0.3, **options}
    with pytest.raises(InputError, match=message):
        synthesise(**arguments)  # type: ignore[arg-type]


def test_a_graph_needs_a_chip() -> None:
    with pytest.raises(InputError, match="is not mapped: give the chip"):
        synthesise(small_program().graph, 2, 0.3)


def test_rates_of_another_graph_or_length_are_refused() -> None:
    rates = uniform_rates(small_program().graph, 3, 0.2)
    with pytest.raises(InputError, match="rates cover 3 steps, 2 are asked for"):
        synthesise(small_program(), 2, rates)
    with pytest.raises(InputError, match="rates are those of another graph"):
        synthesise(small_program(dense_head=True), 3, rates)
