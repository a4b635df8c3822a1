"""Does a reader of a file see the old content or the new, never a part, whatever fails in between?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from synaptile.foundation.files import atomic_path, write_json, write_text


class Interrupted(Exception):
    """Stands for whatever may go wrong while a file is written."""


def test_a_new_file_and_its_folders_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out.txt"
    write_text(target, "grün\n")
    assert target.read_bytes() == "grün\n".encode()
    assert [path.name for path in target.parent.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("failure", [Interrupted, KeyboardInterrupt])
def test_a_failure_in_the_middle_leaves_the_earlier_file_and_no_temporary(tmp_path: Path, failure: type[BaseException]) -> None:
    target = tmp_path / "out.txt"
    write_text(target, "earlier")
    with pytest.raises(failure), atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        assert target.read_text() == "earlier"
        raise failure
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_before_any_file_existed_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(Interrupted), atomic_path(tmp_path / "out.txt") as temporary:
        temporary.write_text("half")
        raise Interrupted
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_fails_leaves_no_temporary(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OSError), atomic_path(target) as temporary:
        temporary.write_text("a folder is in the way")
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_content_stays_visible_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    write_text(target, "earlier")
    with target.open() as reader:
        with atomic_path(target) as temporary:
            temporary.write_text("later")
            assert temporary.parent == target.parent  # another file system would make the rename a copy
        assert reader.read() == "earlier"
    assert target.read_text() == "later"


def test_permissions_follow_the_umask_not_the_temporary_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "out.txt", "text")
        assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_json_keeps_key_order_and_refuses_nan_without_touching_the_file(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_json(target, {"b": 1, "a": [1.5, None]})
    text = target.read_text()
    assert text.index('"b"') < text.index('"a"') and text.endswith("}\n")
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            write_json(target, {"ratio": value})
    with pytest.raises(TypeError):
        write_json(target, {"path": tmp_path})
    assert target.read_text() == text
    assert list(tmp_path.iterdir()) == [target]
