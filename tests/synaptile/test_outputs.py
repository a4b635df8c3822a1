"""Is a directory of output held by one process, and a run replaced as a whole or not at all?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synaptile.foundation.errors import InputError
from synaptile.studies.outputs import LIST, STAGING, check_new_run, held, record, replaced

HOLD = """
import sys, time
from synaptile.studies.outputs import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def visible(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != LIST}


def test_the_second_is_told_who_holds_it_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=rf"in use by process {first.pid}, `-c .*`, since .*--output"), held(tmp_path):
        pass
    first.kill()
    first.wait()
    with held(tmp_path):
        assert (tmp_path / ".synaptile.owner").exists()
    assert not list(tmp_path.iterdir())


def test_torn_files_go_where_a_command_died_and_nowhere_else(tmp_path: Path) -> None:
    mine = [tmp_path / f"{at}.energy.json.abcd1234.part" for at in ("", "batches/", "executions/key/")]
    other = [tmp_path / f"{at}.energy.json.abcd1234.part" for at in ("held/", "held/batches/", "a/b/c/")]
    for torn in (*mine, *other, tmp_path / "mine.part"):
        torn.parent.mkdir(parents=True, exist_ok=True)
        torn.touch()
    (tmp_path / ".trace.abcd1234.part").mkdir()
    (tmp_path / ".trace.abcd1234.part" / "jobs.parquet").touch()
    (tmp_path / "held" / ".synaptile.lock").touch()
    with held(tmp_path):  # nobody died here: whose files these are is not known
        assert all(torn.exists() for torn in (*mine, *other))
    (tmp_path / ".synaptile.owner").touch()
    with held(tmp_path):
        assert all(torn.exists() for torn in (*other, tmp_path / "mine.part"))
    assert not any(torn.exists() for torn in (*mine, tmp_path / ".trace.abcd1234.part"))


def test_nothing_is_left_where_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), held(tmp_path / "new"):
        raise RuntimeError
    assert not (tmp_path / "new").exists()


def test_a_run_replaces_what_commands_wrote_and_nothing_else(tmp_path: Path) -> None:
    with replaced(tmp_path) as folder:
        (folder / "activity.npz").write_text("first")
        (folder / "int8").mkdir()
        (folder / "int8" / "energy.json").write_text("first")
    (tmp_path / "trace.vcd").write_text("of the first")
    (tmp_path / "notes.txt").write_text("the user's")
    record(tmp_path, [tmp_path / "trace.vcd"])
    assert visible(tmp_path) == {"activity.npz", "int8/energy.json", "trace.vcd", "notes.txt"}
    with replaced(tmp_path) as folder:
        (folder / "activity.npz").write_text("second")
    assert visible(tmp_path) == {"activity.npz", "notes.txt"} and not (tmp_path / "int8").exists()
    assert (tmp_path / "activity.npz").read_text() == "second"


def test_a_run_that_fails_changes_nothing(tmp_path: Path) -> None:
    with replaced(tmp_path) as folder:
        (folder / "activity.npz").write_text("first")
    with pytest.raises(OSError, match="full"), replaced(tmp_path) as folder:
        (folder / "activity.npz").write_text("second")
        raise OSError("full")
    assert visible(tmp_path) == {"activity.npz"} and (tmp_path / "activity.npz").read_text() == "first"
    assert not (tmp_path / STAGING).exists()


def test_a_list_that_points_outside_removes_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / LIST).write_text('{"files": ["../mine.txt", "/etc/hostname", 7]}')
    with replaced(run) as folder:
        (folder / "activity.npz").write_text("x")
    assert (tmp_path / "mine.txt").read_text() == "precious" and os.path.exists("/etc/hostname")  # noqa: PTH110


@pytest.mark.parametrize("moves", range(4))
def test_a_kill_while_files_are_moved_up_leaves_no_run_and_nothing_behind(
    moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(text: str, *names: str) -> None:
        with replaced(tmp_path) as folder:
            for name in names:
                (folder / name).write_text(text)

    write("first", "activity.npz", "energy.json", "old.json")
    done, replace = 0, Path.replace

    def killed(self: Path, target: Path) -> Path:
        nonlocal done
        if self.parent.name == STAGING:
            if done == moves:
                raise KeyboardInterrupt
            done += 1
        return replace(self, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", killed)
        write("second", "activity.npz", "energy.json", "links.png", "timeline.png")
    assert not (tmp_path / "activity.npz").exists()
    check_new_run(tmp_path)
    write("third", "activity.npz", "energy.json")
    assert visible(tmp_path) == {"activity.npz", "energy.json"}
    assert {path.read_text() for path in tmp_path.glob("*.*") if path.name != LIST} == {"third"}
