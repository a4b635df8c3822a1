"""Does a comparison say what changed and by how much, on the command line too?"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from synaptile.cli import main
from synaptile.energy import price
from synaptile.foundation.options import WIDTH
from synaptile.hwmodels import load_chip
from synaptile.report.comparison import Change, Changes, Side, changes_table, compare_chips, compare_runs
from synaptile.report.numbers import energy_text
from tests.page.pages import ANN_ACCURACY, LABELS, activity, report


def by_title(sections: tuple[Changes, ...], start: str) -> dict[str, Change]:
    section = next(section for section in sections if section.title.startswith(start))
    return {change.what: change for change in section.changes}


def test_a_run_equals_itself() -> None:
    side = Side(report(), LABELS, ANN_ACCURACY)
    sections = compare_runs(side, side)
    assert all(change.text in ("same", "") for section in sections for change in section.changes)
    assert not any(section.title == "What was run" for section in sections)


def test_accuracy_changes_in_points() -> None:
    right = activity().logits[-1].argmax(axis=1)
    sections = compare_runs(Side(report(), right, 0.5), Side(report(), (right + 1) % 3, 0.75))
    change = by_title(sections, "After 3 steps")
    assert (change["accuracy"].a, change["accuracy"].b, change["accuracy"].text) == ("100.00 %", "0.00 %", "-100.00 points")
    assert change["accuracy of the ANN"].text == "+25.00 points"


def test_another_number_format_changes_energy_by_its_prices() -> None:
    run = activity()
    other = price(run, run.program.chip, number_format="fp16")
    sections = compare_runs(Side(report(scheduled=False)), Side(other))
    assert by_title(sections, "What was run")["billed at"].text == "differs"
    change = by_title(sections, "After 3 steps")["SNN energy eq30"]
    assert (change.a, change.b) == tuple(
        energy_text(float(bill.comparison("eq30").snn_pj[-1])) for bill in (report(scheduled=False), other)
    )
    assert change.factor == pytest.approx(0.4 / 0.9)
    assert change.text == "-55.6 %"


def test_runs_of_different_length_are_compared_where_both_are() -> None:
    short = price(activity(steps=1), activity().program.chip)
    change = by_title(compare_runs(Side(report()), Side(short)), "After 1 steps")["ratio executed"]
    assert change.text == "same" and change.a == f"{report().ratio('executed', step=1):.4f}"


def test_chips_differ_in_named_figures() -> None:
    a, b = load_chip("ecmt45"), load_chip("ecmt45-mini")
    sections = compare_chips(a, b)
    change = {change.what: change for change in sections[0].changes}["mesh.width"]
    assert (change.a, change.b, change.text) == ("24", "8", "-66.7 %")
    assert not compare_chips(a, a)[0].changes


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("x", "1", "1", 1.0), "same"),
        (Change("x", "1", "2", 2.0), "+100.0 %"),
        (Change("x", "1", "40", 40.0), "x 40"),
        (Change("x", "1.00", "1.00", 1.0001), "< 0.1 %"),
        (Change("x", "50 %", "48 %", points=-2.0), "-2.00 points"),
        (Change("x", "a", "b"), "differs"),
    ],
)
def test_how_a_change_reads(change: Change, text: str) -> None:
    assert change.text == text


def test_tables_fit_the_terminal() -> None:
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None)
    for section in compare_chips(load_chip("ecmt45"), load_chip("loihi")):
        console.print(changes_table(section))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synaptile.studies.rundir import Run, save_run

    folder = tmp_path_factory.mktemp("run") / "out"
    run = activity()
    save_run(Run(run, LABELS, run.logits[-1]), folder)
    return folder


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["synaptile", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return 0 if exit_.value.code is None else int(exit_.value.code)


def test_runs_and_chips_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run_directory: Path, tmp_path: Path
) -> None:
    page = tmp_path / "compare.html"
    assert command(monkeypatch, "compare", run_directory, run_directory, "--with-schedule", "--html", page) == 0
    out = capsys.readouterr().out
    assert "latency, all steps" in out and "ratio static" in out and page.is_file()
    assert command(monkeypatch, "compare", "ecmt45", "ecmt45-mini") == 0
    assert "mesh.width" in capsys.readouterr().out


@pytest.mark.slow
def test_a_page_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run_directory: Path, tmp_path: Path
) -> None:
    page = tmp_path / "deep" / "page.html"
    assert command(monkeypatch, "report", run_directory, "--html", page, "--with-schedule", "--images", 1) == 0
    assert "static" in capsys.readouterr().out
    assert page.stat().st_size < 5e6 and "<!doctype html>" in page.read_text()
    assert not list(page.parent.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("compare", "RUN", "ecmt45"), "compare two run directories, or two chips"),
        (("compare", "ecmt45", "ecmt46"), "ecmt46"),
        (("compare", "ecmt45", "loihi", "--with-schedule"), "these are chips"),
        (("compare", "EMPTY", "RUN"), "program.map"),
        (("report", "RUN", "--images", 2), "add --with-schedule"),
        (("report", "RUN", "--with-schedule", "--images", 9), "9"),
        (("report", "RUN", "--html", "EMPTY"), "directory"),
    ],
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_directory: Path,
    tmp_path: Path,
    arguments: list[object],
    part: str,
) -> None:
    names = {"RUN": run_directory, "EMPTY": tmp_path}
    assert command(monkeypatch, *(names.get(str(argument), argument) for argument in arguments)) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert part in error and "Traceback" not in error
