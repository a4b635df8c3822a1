"""A chip file to start from: all that a chip says, figure by figure, ready to be changed."""

from __future__ import annotations

import io
import textwrap
from itertools import accumulate
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString

from synaptile.foundation.documents import MAX_FILE_BYTES, Document
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.stored import chip_document

_WIDTH = 130
_HEAD = """\
# A chip of your own, which starts as {base}.
#
# Change what differs, and say where the new figure comes from: {{value: 64, source: "data sheet, table 3"}}, or
# {{value: 64, assumed: "why"}}. Delete the figures you do not change, and sections without any left: {base} gives
# them, with the same sources. A figure that you leave as it is moves with process_nm and voltage_v; one that you
# change holds at yours.

"""


def derived_file(chip: Chip, base: str) -> str:
    """The text of a chip file that extends `base` (a shipped name or a path) and repeats every figure of `chip`, its chip.

    It loads as it is: the same figures from the same sources, hence the same digest, under the name ``my-<name>``.
    """
    about = {"name": f"my-{chip.name}", "extends": base, "description": f"{chip.name} to start from: describe your chip here."}
    return chip_file(_HEAD.format(base=chip.name), about | {"lacks": list(chip.lacks)}, chip_document(chip))


def chip_file(head: str, about: Document, document: Document) -> str:
    """The text of a chip file: comments, what it says of itself, and figures in their sections, a blank line between these."""
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 2 * MAX_FILE_BYTES  # lines are broken here, not there
    folded = {"lacks": [_folded(line, 2) for line in about["lacks"]]} if "lacks" in about else {}
    yaml.dump(about | folded, text)
    for key, value in document.items():
        if key not in about:
            if isinstance(value, dict) and "value" not in value:
                text.write("\n")
            yaml.dump({key: _laid_out(key, value, 0)}, text)
    return head + text.getvalue()


def _laid_out(key: str, value: Any, indent: int) -> Any:
    """Figures on one line where they fit, else over several; sections below one another."""
    if not isinstance(value, dict):
        return value
    if "value" not in value:
        return {below: _laid_out(below, figure, indent + 2) for below, figure in value.items()}
    quoted = {name: DoubleQuotedScalarString(text) if isinstance(text, str) else text for name, text in value.items()}
    if indent + len(f"{key}: {value}") <= _WIDTH:  # as Python writes it, a little longer than YAML does
        figure = CommentedMap(quoted)
        figure.fa.set_flow_style()
        return figure
    return {name: _folded(text, indent + 4) if isinstance(text, str) else text for name, text in quoted.items()}


def _folded(text: str, indent: int) -> Any:
    """Text over several lines; as it is where it would not come back from them as it was."""
    if text != " ".join(text.split()) or not text.isprintable():
        return text
    folded = FoldedScalarString(text)
    lines = textwrap.wrap(text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    folded.fold_pos = [end + number for number, end in enumerate(accumulate(len(line) for line in lines[:-1]))]
    return folded
