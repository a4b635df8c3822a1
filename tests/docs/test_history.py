"""Does the history of speed keep one file per commit, of ratios alone, and can it be drawn?"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.history import PANELS, draw, read, write


def test_a_commit_keeps_one_file_to_which_later_tables_add(tmp_path: Path) -> None:
    first = write({"a, x sgemm": 1.23456, "b, ANN passes": 2.0}, tmp_path)
    assert write({"b, ANN passes": 3.0}, tmp_path) == first
    (entry,) = read(tmp_path)
    assert entry["figures"] == {"a, x sgemm": 1.235, "b, ANN passes": 3.0}
    assert first.stem == entry["commit"] and entry["processor"] and entry["measured"].endswith("+00:00")


def test_entries_are_drawn_oldest_commit_first(tmp_path: Path) -> None:
    path = write({f"some {ending}": 1.0 for ending in PANELS.values()}, tmp_path)
    older = json.loads(path.read_text()) | {"commit": "0" * 12, "committed": "2020-01-01T00:00:00+00:00"}
    (tmp_path / "0.json").write_text(json.dumps(older))
    entries = read(tmp_path)
    assert [entry["commit"] for entry in entries] == ["0" * 12, path.stem]
    draw(entries, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_shipped_can_be_read() -> None:
    for entry in read():
        assert entry["figures"] and all(value > 0 for value in entry["figures"].values()), entry["commit"]
