"""Threshold tuning: is the search repeatable, resumable, honest about the untuned network, and its choice what it says?"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.differential import Differential
from synaptile.conversion.graph import SpikingGraph, STBIFNeurons, load_graph, save_graph
from synaptile.data import DIGITS_GRAPH
from synaptile.energy import price
from synaptile.foundation.errors import GraphError, InputError
from synaptile.hwmodels import load_chip
from synaptile.images import digits
from synaptile.mapper import map_graph, program_digest
from synaptile.simulator import execute
from synaptile.studies.tuning.request import TuneRequest
from synaptile.studies.tuning.run import confirmed, read_inputs, run_search, tuned_graph
from synaptile.studies.tuning.score import Scorer
from synaptile.studies.tuning.search import run_trials
from synaptile.studies.tuning.space import (
    Candidate,
    apply,
    baseline,
    check_tunable,
    first_guesses,
    group_of,
    groups,
    level_bounds,
)
from synaptile.studies.tuning.trials import Score, Trial, Tuning, loss_against, ratio_at, stop
from tests.synaptile.conftest import Command

pytest.importorskip("optuna", reason="optuna is not installed (extra `study`)")

SETTINGS = ("--images", "digits", "--limit", 4, "-T", 2)
KINDS = [
    "attn.qkv.in",
    "attn.q",
    "attn.k",
    "attn.softmax.out",
    "attn.v",
    "attn.proj.in",
    "mlp.fc1.in",
    "mlp.fc2.in",
    "head.in",
]


@pytest.fixture(scope="module")
def graph(digits_graph: Path) -> SpikingGraph:
    return load_graph(digits_graph)


def cheap(graph: SpikingGraph) -> tuple[Score, ...]:
    """A score from thresholds alone: higher ones spike less and agree less."""
    theta = float(np.mean([np.log2(site.theta1) + site.n / 8 for site in graph.sites]))
    return tuple(Score(step, 0.1 * step / (1 + theta), step / 4 - theta / 10, 1.0, None) for step in (1, 2))


def found(graph: SpikingGraph, storage: Path, trials: int, **options: Any) -> tuple[Trial, ...]:
    settings: dict[str, Any] = {"loss": 0.1, "seed": 3, "sampler": "tpe", "by": "kind"} | options
    score = settings.pop("evaluate", cheap)
    return run_trials(graph, score, storage, TuneRequest(2, **settings), trials, lambda *_: None)


def test_kinds_of_sites_share_a_factor_and_a_block_has_its_own_when_asked(graph: SpikingGraph) -> None:
    assert sorted(groups(graph, by="kind")) == sorted(KINDS)
    assert groups(graph, by="site") == tuple(site.name for site in graph.sites)


def test_a_candidate_multiplies_both_thresholds_of_its_sites_and_no_others(graph: SpikingGraph) -> None:
    factors = {**baseline(graph, by="kind").factors, "attn.q": 2.0}
    tuned = apply(graph, Candidate(factors, -1), by="kind")
    for before, after in zip(graph.sites, tuned.sites, strict=True):
        factor = 2.0 if before.name.endswith("attn.q") else 1.0
        assert (after.theta1, after.theta2) == (factor * before.theta1, factor * before.theta2) and after.n == before.n - 1
    assert apply(graph, baseline(graph, by="site"), by="site").digest == graph.digest


def test_the_first_guess_doubles_behind_softmax_and_gelu_and_halves_in_front_of_other_linears(graph: SpikingGraph) -> None:
    factors = first_guesses(graph, by="kind")[0].factors
    assert {name for name, factor in factors.items() if factor == 2.0} == {"attn.softmax.out", "mlp.fc2.in"}
    assert {name for name, factor in factors.items() if factor == 1.0} == {"attn.q", "attn.k", "attn.v"}
    assert {name for name, factor in factors.items() if factor == 0.5} == {"attn.qkv.in", "attn.proj.in", "mlp.fc1.in", "head.in"}


def test_the_number_of_thresholds_stays_between_1_and_16(graph: SpikingGraph) -> None:
    def with_levels(change: int) -> SpikingGraph:
        return apply(graph, Candidate(baseline(graph, by="kind").factors, change), by="kind")

    assert level_bounds(graph) == (-3, 1)
    assert level_bounds(with_levels(-6)) == (-1, 1)
    assert level_bounds(with_levels(8)) == (-3, 0)


def test_a_score_is_what_a_run_and_its_report_say(graph: SpikingGraph) -> None:
    chip, chosen = load_chip("ecmt45"), digits("test", 5)
    tuned = apply(graph, first_guesses(graph, by="kind")[0], by="kind")
    evaluate = Scorer(chosen, chip, 2, "executed")
    evaluate(graph)
    scores = evaluate(tuned)
    activity = execute(map_graph(tuned, chip), chosen.images, 2)
    for score, ratio, logits in zip(scores, price(activity, chip).ratios("executed"), activity.logits, strict=True):
        assert score.ratio == pytest.approx(ratio, rel=1e-12)
        assert score.accuracy == (logits.argmax(axis=1) == chosen.labels).mean()


def test_thresholds_do_not_move_the_mapping_that_trials_share(graph: SpikingGraph) -> None:
    tuned, chip = apply(graph, first_guesses(graph, by="kind")[0], by="kind"), load_chip("ecmt45")
    shared = replace(map_graph(graph, chip, placement="row_major"), graph=tuned)
    assert program_digest(shared) == program_digest(map_graph(tuned, chip, placement="row_major"))


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "linear"])
def test_a_search_that_was_interrupted_proposes_what_it_would_have(graph: SpikingGraph, tmp_path: Path, sampler: str) -> None:
    through = found(graph, tmp_path / "through", 10, sampler=sampler)
    assert len({tuple(trial.factors.values()) for trial in through}) == 10
    for at in (1, 8):
        calls: list[int] = []

        def dies(candidate: SpikingGraph, calls: list[int] = calls, at: int = at) -> tuple[Score, ...]:
            calls.append(1)
            if len(calls) == at:
                raise KeyboardInterrupt
            return cheap(candidate)

        with pytest.raises(KeyboardInterrupt):
            found(graph, tmp_path / str(at), 10, sampler=sampler, evaluate=dies)
        assert found(graph, tmp_path / str(at), 10, sampler=sampler) == through
    assert found(graph, tmp_path / "other", 10, sampler=sampler, seed=4) != through


def test_trials_that_are_kept_are_not_scored_again(graph: SpikingGraph, tmp_path: Path) -> None:
    first = found(graph, tmp_path / "kept", 4)

    def never(_: SpikingGraph) -> tuple[Score, ...]:
        raise AssertionError

    assert found(graph, tmp_path / "kept", 4, evaluate=never) == first
    assert found(graph, tmp_path / "kept", 6)[:4] == first


def test_a_line_that_a_power_cut_tore_is_done_again(graph: SpikingGraph, tmp_path: Path) -> None:
    storage = tmp_path / "torn"
    first = found(graph, storage, 3)
    storage.write_bytes(storage.read_bytes()[:-9])
    assert found(graph, storage, 3) == first


def scored(*points: tuple[float, float]) -> Tuning:
    """One-step trials of (ratio, correlation), agreement the same for all."""
    trials = [Trial(i, {"a": 1.0}, 0, (Score(1, ratio, c, 1.0, None),)) for i, (ratio, c) in enumerate(points)]
    return Tuning("m", 1, "released", 0.05, tuple(trials), {})


def test_the_front_holds_what_nothing_beats_and_the_choice_is_the_cheapest_allowed() -> None:
    tuning = scored((0.5, 0.90), (0.4, 0.86), (0.3, 0.80), (0.45, 0.85), (0.4, 0.86), (0.6, 0.95))
    assert [point.trial.number for point in tuning.front] == [2, 1, 0, 5]
    assert tuning.chosen.trial.number == 1
    assert scored((0.5, 0.9), (0.4, 0.8)).chosen.trial.number == 0


def test_agreement_and_accuracy_bind_as_correlation_does() -> None:
    target = Score(4, 0.5, 0.9, 0.8, 0.7)
    assert loss_against(target, Score(4, 0.4, 0.95, 0.6, 0.7)) == pytest.approx(0.2)
    assert loss_against(target, Score(4, 0.4, 0.95, 0.8, 0.4)) == pytest.approx(0.3)
    assert loss_against(target, Score(4, 0.4, 0.95, 0.9, None)) == pytest.approx(-0.05)


def test_a_trial_may_stop_early_and_the_untuned_curve_says_what_it_needs() -> None:
    curve = [Score(step, 0.1 * step, 0.2 * step, 1.0, None) for step in (1, 2, 3)]
    assert stop(curve, curve[-1], 0.25).step == 2 and stop(curve[:1], curve[-1], 0.25).step == 1
    assert ratio_at(curve, 0.5) == pytest.approx(0.25)
    assert ratio_at(curve, 0.1) == 0.1 and ratio_at(curve, 0.7) is None


@pytest.fixture(scope="module")
def finished(digits_graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synaptile.conversion.graph import save_graph
    from synaptile.report.study_files import write_tuning
    from synaptile.studies.tuning.run import confirmed, read_inputs, run_search, tuned_graph

    out, request = tmp_path_factory.mktemp("tune"), TuneRequest(2, 0.2, 0)
    inputs = read_inputs(digits_graph, "digits", "digits", "ecmt45", 4)
    tuning = run_search(inputs, request, out, trials=5, threads=1, progress=lambda *_: None)
    save_graph(tuned_graph(inputs.graph, tuning, request.by), out / "tuned.spk")
    write_tuning(confirmed(inputs, request, tuning, 1), out)
    return out


def test_everything_is_written_and_agrees(finished: Path, digits_graph: Path) -> None:
    document = json.loads((finished / "tune.json").read_text())
    assert len(document["trials"]) == 5 and "not exhaustive" in document["note"]
    assert set(document["trials"][0]["factors"].values()) == {1.0} and document["trials"][0]["levels"] == 0
    with (finished / "tune.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 10 and sum(int(line["chosen"]) for line in lines) == 1
    text = (finished / "tune.md").read_text()
    assert "untuned" in text and "not exhaustive" in text and "Confirmed on 4 other images" in text
    assert (finished / "pareto.png").read_bytes()[:4] == b"\x89PNG" and "<svg" in (finished / "pareto.svg").read_text()


def test_the_tuned_graph_carries_the_chosen_thresholds_and_where_they_come_from(finished: Path, digits_graph: Path) -> None:
    document = json.loads((finished / "tune.json").read_text())
    chosen = document["trials"][document["chosen"]["trial"]]
    tuned, untuned = load_graph(finished / "tuned.spk"), load_graph(digits_graph)
    expected = apply(untuned, Candidate(chosen["factors"], chosen["levels"]), by="kind")
    assert [(s.theta1, s.theta2, s.n) for s in tuned.sites] == [(s.theta1, s.theta2, s.n) for s in expected.sites]
    facts = tuned.metadata["tuning"]
    assert facts["from_graph"] == untuned.digest and facts["settings"] == document["settings"]
    assert facts["stop_after_steps"] == document["chosen"]["step"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--seed", 1), "seed was 0, now 1"),
        (("-T", 3), "steps was 2, now 3"),
        (("--loss", 0.3), "loss was 0.2, now 0.3"),
        (("--limit", 3), "images was 4, now 3"),
        (("--by", "site"), "by was kind, now site"),
        (("--accounting", "eq30"), "accounting was released"),
    ],
)
def test_going_on_with_other_settings_is_refused(
    synaptile: Command, digits_graph: Path, finished: Path, change: Any, said: str
) -> None:
    outcome = synaptile("tune", digits_graph, *SETTINGS, "--loss", 0.2, "--trials", 5, *change, "-o", finished)
    assert outcome.code == 2 and said in " ".join(outcome.err.split())


def test_the_same_command_again_writes_the_same_files_and_shows_the_untuned_network(
    synaptile: Command, digits_graph: Path, finished: Path
) -> None:
    before = {name: (finished / name).read_bytes() for name in ("tune.csv", "tune.md", "pareto.png", "pareto.svg")}
    digest = load_graph(finished / "tuned.spk").digest
    command = ("tune", digits_graph, *SETTINGS, "--loss", 0.2, "--trials", 5, "--confirm", "digits", "-o", finished)
    outcome = synaptile(*command)
    assert outcome.code == 0, outcome.err
    assert "untuned" in outcome.out and "not exhaustive" in " ".join(outcome.out.split())
    assert before == {name: (finished / name).read_bytes() for name in before}
    assert load_graph(finished / "tuned.spk").digest == digest


def test_a_folder_of_another_study_is_refused(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    assert synaptile("table1", digits_graph, "--images", "digits", "--limit", 1, "-T", 1, "-o", tmp_path).code == 0
    outcome = synaptile("tune", digits_graph, *SETTINGS, "--trials", 1, "-o", tmp_path)
    assert outcome.code == 2 and "holds a synaptile-table1 study" in " ".join(outcome.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trials", 0), "--trials is 0"),
        (("--loss", -0.1), "--loss is -0.1"),
        (("--accounting", "noc"), "accounting 'noc' is unknown"),
        (("--sampler", "grid"), "sampler 'grid' is unknown"),
        (("--seed", -1), "--seed is -1"),
        (("-T", 0), "steps is 0"),
    ],
)
def test_settings_that_cannot_be(
    synaptile: Command, digits_graph: Path, tmp_path: Path, arguments: list[object], said: str
) -> None:
    outcome = synaptile("tune", digits_graph, *SETTINGS, *arguments, "-o", tmp_path / "out")
    assert outcome.code == 2 and said in " ".join(outcome.err.split())
    assert not (tmp_path / "out").exists()


def test_the_missing_extra_is_named(
    synaptile: Command, monkeypatch: pytest.MonkeyPatch, digits_graph: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("synaptile.studies.extra.find_spec", lambda _: None)
    outcome = synaptile("tune", digits_graph, *SETTINGS, "-o", tmp_path / "out")
    assert outcome.code == 2 and "optuna" in outcome.err and "synaptile[study]" in outcome.err


def test_a_graph_of_other_neurons_is_refused(graph: SpikingGraph) -> None:
    site = next(site for site in graph.sites if site.name.endswith("attn.q"))
    ternary = STBIFNeurons(site.name, site.inputs, site.shape, 0.5, -4, 3)
    nodes = [ternary if node.name == site.name else node for node in graph.nodes.values()]
    with pytest.raises(GraphError, match=r"1 sites of another kind, first 'blocks\.0\.attn\.q'"):
        check_tunable(SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata))
    check_tunable(graph)


def test_an_accounting_that_the_chip_does_not_price_is_refused(graph: SpikingGraph) -> None:
    evaluate = Scorer(digits("test", 1), load_chip("ecmt45"), 1, "released")
    assert evaluate(graph)[0].ratio > 0
    unpriced = replace(load_chip("ecmt45"), special_functions={"exp": {"warp": 1}})
    with pytest.raises(InputError, match="unpriced"):
        Scorer(digits("test", 1), unpriced, 1, "executed")(graph)


@pytest.mark.slow
def test_differential_coding_is_tuned_from_a_ladder_of_scales_and_n(tmp_path: Path) -> None:
    """The digits: a tenth fewer operations at 0.001 of correlation on the images searched, hardly more on others; n moves too."""
    untuned = Differential().apply(load_graph(DIGITS_GRAPH), digits("calibration", 32).images)
    save_graph(untuned, tmp_path / "digits.spk")
    request = TuneRequest(3, 0.001, 0, "eq30", hold="correlation")
    inputs = read_inputs(tmp_path / "digits.spk", "digits", "digits", "ecmt45", 16)
    tuning = run_search(inputs, request, tmp_path, trials=9, threads=1, progress=lambda *_: None)
    assert [set(trial.factors.values()) for trial in tuning.trials[:5]] == [{1.0}, {1.0, 2.0}, {1.0, 4.0}, {0.5, 4.0}, {0.5, 8.0}]
    assert [trial.levels for trial in tuning.trials[:7]] == [0, 0, 0, 0, 0, -1, 1]
    assert tuning.chosen.score.ratio < 0.9 * tuning.target.ratio
    assert tuning.chosen.score.correlation >= tuning.target.correlation - 0.001
    confirmation = confirmed(inputs, request, tuning, 1).confirmation
    assert confirmation is not None and confirmation.chosen.correlation > confirmation.baseline[-1].correlation - 0.005
    tuned, chosen = tuned_graph(inputs.graph, tuning, request.by), tuning.chosen.trial
    assert {site.n for site in tuned.sites} == {8 + chosen.levels}
    for site in tuned.sites:
        factor = chosen.factors[group_of(site.name)]
        expected = untuned.array(site.name, "theta") * np.float32(factor)
        np.testing.assert_allclose(tuned.array(site.name, "theta"), expected, rtol=1e-6)
