"""Is an array file read exactly where it is sound, and refused before anything is allocated where it lies?"""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synaptile.foundation.arrays import read_arrays

ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def write(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(shape: str, dtype: str = "<f4", content: bytes = b"") -> bytes:
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]), arrays.array_shapes(min_dims=0, min_side=0)
    ),
    st.booleans(),
)
@ANY
def test_what_numpy_writes_comes_back(tmp_path: Path, array: np.ndarray[Any, Any], column_major: bool) -> None:
    written = np.asfortranarray(array) if column_major else array
    np.savez_compressed(tmp_path / "a.npz", first=written, second=np.arange(3))
    found = read_arrays(tmp_path / "a.npz")
    assert set(found) == {"first", "second"} and found["first"].dtype == array.dtype
    np.testing.assert_array_equal(found["first"], array)
    assert set(read_arrays(tmp_path / "a.npz", only=("second",))) == {"second"}


@pytest.mark.parametrize(
    ("member", "part"),
    [
        (npy("(9999999999, 3, 8, 8)"), "claims shape"),
        (npy("(2, 2)", content=bytes(15)), "claims shape"),
        (npy("(2,)", content=bytes(9)), "claims shape"),
        (npy("(-1,)"), "."),
        (npy("(2,)", "|O", bytes(16)), "no numbers"),
        (npy("(2,)", "<U4", bytes(32)), "no numbers"),
        (b"\x93NUMPY\x07\x00" + bytes(80), "version"),
        (b"no array at all", "."),
        (b"", "."),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, member: bytes, part: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=part):
        read_arrays(write(tmp_path / "a.npz", images=member))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 18, "KiB: nothing large was allocated"


@pytest.mark.slow
def test_zeros_that_would_fill_memory_are_refused_unread(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as f,
    ):
        f.write(npy("(1207959552,)", "|u1"))
        for _ in range(1152):
            f.write(bytes(1 << 20))
    with pytest.raises(ValueError, match=r"unpacks from [\d,]+ to 1,207,9[\d,]+ bytes, limit 1,073,741,824"):
        read_arrays(tmp_path / "a.npz")


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for _ in range(2):
            archive.writestr("a.npy", npy("(0,)"))
    with pytest.raises(ValueError, match="twice"):
        read_arrays(tmp_path / "a.npz")


@given(st.data())
@ANY
def test_any_damage_is_one_kind_of_error_or_none(tmp_path: Path, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=np.arange(40, dtype=np.float32).reshape(2, 20), labels=np.arange(2))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.npz").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = read_arrays(tmp_path / "a.npz")
    except (ValueError, OSError):
        return
    assert all(isinstance(array, np.ndarray) for array in found.values())
