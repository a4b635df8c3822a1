"""A chip file to start from: all that a chip says, one figure a line, ready to be changed."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.figures import PROSE
from synaptile.hwmodels.stored import chip_document

_WIDTH = 130
_HEAD = """\
# A chip of your own, which starts as {base}.
#
# Change what differs, and say where the new figure comes from: {{value: 64, source: "data sheet, table 3"}}, or
# {{value: 64, assumed: "why"}}. Delete the lines you do not change, and sections without any left: {base} gives
# them, with their sources.

"""


def derived_file(chip: Chip, base: str) -> str:
    """The text of a chip file that extends `base` (a shipped name or a path) and repeats every figure of `chip`, its chip.

    It loads as it is: the same figures, hence the same digest, under the name ``my-<name>``.
    """
    document = {key: value for key, value in chip_document(chip).items() if key not in PROSE}
    text = io.StringIO()
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.dump({"name": f"my-{chip.name}", "extends": base}, text)
    for key, value in document.items():
        if isinstance(value, dict) and "value" not in value:
            text.write("\n")
        yaml.dump({key: _lines(value, f"as {chip.name}")}, text)
    return _HEAD.format(base=chip.name) + text.getvalue()


def _lines(value: Any, origin: str) -> Any:
    """Figures in one line each, their origin replaced; sections below one another."""
    if not isinstance(value, dict):
        return value
    if "value" in value:
        figure = CommentedMap({"value": value["value"], "assumed": origin})
        figure.fa.set_flow_style()
        return figure
    return {key: _lines(below, origin) for key, below in value.items()}
