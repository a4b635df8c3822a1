"""Are labels classes of the network or refused, wherever they come from, and are only regular files images?"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synaptile.conversion.graph import load_graph
from synaptile.conversion.images import source_of
from synaptile.data import DIGITS_GRAPH
from synaptile.foundation.errors import ImageError
from synaptile.images import read_images

GRAPH = load_graph(DIGITS_GRAPH)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), "white").save(path)
    return path


@pytest.mark.parametrize("name", ["100000000000000000000", "99999999999", "10"])
def test_a_folder_named_like_no_class_is_refused(tmp_path: Path, name: str) -> None:
    picture(tmp_path / name / "a.png")
    with pytest.raises(ImageError, match=r"needs 0 to 2,147,483,647|the network has 10 classes"):
        read_images(str(tmp_path), GRAPH)


def test_superscripts_are_names(tmp_path: Path) -> None:
    picture(tmp_path / "²" / "a.png")
    picture(tmp_path / "1e20" / "b.png")
    assert read_images(str(tmp_path), GRAPH).labels.tolist() == [0, 1]


@pytest.mark.parametrize("label", ["-2", "10", "1" * 30, "9" * 5000, "1.5", "one"])
def test_a_table_with_no_class_is_refused(tmp_path: Path, label: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(f"file,label\na.png,{label}\n")
    with pytest.raises(ImageError, match="label"):
        read_images(str(tmp_path), GRAPH)


@pytest.mark.parametrize("text", ["label,file\n3\n", "file,label\n,3\n", f"file,label\n{'a' * 200_000},3\n"])
def test_a_table_whose_lines_name_no_file_is_refused(tmp_path: Path, text: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ImageError, match=r"line 2: (names no file|field larger)"):
        read_images(str(tmp_path), GRAPH)


@pytest.mark.parametrize(("stored", "listed"), [("e\u0301", "\u00e9"), ("\u00e9", "e\u0301")])
def test_accents_are_one_however_they_are_written(tmp_path: Path, stored: str, listed: str) -> None:
    picture(tmp_path / f"{stored}.png")
    (tmp_path / "labels.csv").write_text(f"file,label\n{listed}.png,3\n")
    assert read_images(str(tmp_path), GRAPH).labels.tolist() == [3]


@pytest.mark.parametrize("label", [-2, 10, 2**40])
def test_an_array_with_no_class_is_refused(tmp_path: Path, label: int) -> None:
    images = np.zeros((1, *source_of(GRAPH).image_shape), np.float32)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([label]))
    with pytest.raises(ImageError, match=f"label {label}, the network has 10 classes"):
        read_images(str(tmp_path / "a.npz"), GRAPH)


def test_a_pipe_among_images_is_passed_by(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match="no image in the folder"):
        read_images(str(tmp_path), GRAPH)
    picture(tmp_path / "b.png")
    assert read_images(str(tmp_path), GRAPH).files == ("b.png",)
