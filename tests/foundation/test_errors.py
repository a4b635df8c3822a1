"""Does every error of ours say what is wrong, and survive the way between processes?"""

from __future__ import annotations

import pickle

import pytest

from synaptile.foundation import errors
from synaptile.foundation.errors import InputError, SynaptileError
from synaptile.mapper.refusal import DoesNotFit, Shortfall

SHORTFALL = Shortfall("core.weight_memory_kb", 5120, 4096, "bytes", "blocks.0.mlp.fc1", ("split it", "a larger chip"))


def test_everything_raised_on_purpose_has_one_root() -> None:
    tree = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert all(issubclass(each, SynaptileError) for each in tree)
    assert {each.__name__ for each in tree if issubclass(each, InputError)} == {
        "InputError", "ModelError", "UnsupportedOperator", "WeightsError", "CalibrationError", "ImageError", "GraphError",
        "ChipError", "FileFormatError",
    }  # fmt: skip
    assert issubclass(InputError, ValueError)
    assert all(each.__name__ in (errors.__doc__ or "") for each in tree)


def test_does_not_fit_names_resource_demand_limit_gap_where_and_levers() -> None:
    error = DoesNotFit("vit", "tiny-chip", (SHORTFALL,))
    for part in ("vit does not fit tiny-chip", "core.weight_memory_kb", "5,120 bytes", "limit 4,096", "short by 1,024"):
        assert part in str(error)
    assert "blocks.0.mlp.fc1 needs" in str(error) and "split it; or a larger chip" in str(error)


@pytest.mark.parametrize("error", [DoesNotFit("vit", "tiny-chip", (SHORTFALL,)), InputError("steps is 0")], ids=type)
def test_errors_cross_process_borders(error: SynaptileError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error)
    assert getattr(back, "shortfalls", None) == getattr(error, "shortfalls", None)
