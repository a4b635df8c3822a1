"""Reference tables from the code itself: keys of a chip file, shipped chips, prices of operations, the command line.

Each directive writes Markdown that the page around it parses, so that no figure or option stands here twice.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from typing import Literal, get_args, get_origin

from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import synaptile
from synaptile.energy.prices import HOROWITZ
from synaptile.hwmodels import load_chip, schema, shipped_chips
from synaptile.hwmodels.schema import ChipSchema, Figure
from synaptile.report.render.markdown import markdown_table

UNITS = {
    "_pj_per_flit_hop": "pJ a flit and hop",
    "_pj_per_flit": "pJ a flit",
    "_pj_per_64bit": "pJ for 64 bits",
    "_um2_per_bit": "um2 a bit",
    "_flits_per_cycle": "flits a cycle",
    "_per_cycle": "a cycle",
    "_per_tile": "a tile",
    "_per_hop": "cycles",
    "_cycles": "cycles",
    "_flits": "flits",
    "_bits": "bits",
    "_mhz": "MHz",
    "_mm2": "mm2",
    "_um2": "um2",
    "_nm": "nm",
    "_ns": "ns",
    "_uw": "uW",
    "_v": "V",
}
"""Units by the ends of names, the longest first."""


class MarkdownDirective(SphinxDirective):
    """A directive that gives Markdown."""

    def markdown(self) -> str:
        """What the page shall read in its place."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown where the directive stands; the page is read anew at every build, whatever code it comes from."""
        self.env.note_reread()
        return self.parse_text_to_nodes(self.markdown(), allow_section_headings=True)


class ChipKeys(MarkdownDirective):
    """`chip-keys`: every key of a chip file, section by section."""

    def markdown(self) -> str:
        """A table a section: key, type and limits, unit, whether it must be there, meaning."""
        return "\n\n".join(_sections(ChipSchema, "", _meanings()))


class ShippedChips(MarkdownDirective):
    """`shipped-chips`: what comes with Synaptile."""

    def markdown(self) -> str:
        """Name, description and what each chip lacks."""
        parts = []
        for name in shipped_chips():
            chip = load_chip(name)
            lacks = "".join(f"\n- lacks {lack}" for lack in chip.lacks)
            parts.append(f"**{chip.name}**: {chip.description}\n{lacks}")
        return "\n\n".join(parts)


class Prices(MarkdownDirective):
    """`prices`: the energy of every operation in every format, with its source."""

    def markdown(self) -> str:
        """A row an operation."""
        formats = {name: HOROWITZ.prices(name) for name in ("fp32", "fp16", "int8")}
        rows = []
        for op, price in formats["fp32"].items():
            pj = ["unpriced" if one[op].pj is None else f"{one[op].pj:g}" for one in formats.values()]
            rows.append((f"`{op}`", *pj, price.source))
        return markdown_table(("operation", *(f"{name}, pJ" for name in formats), "source (fp32)"), rows)


class CommandLine(MarkdownDirective):
    """`command-line`: every command with its arguments and options, as typer documents them."""

    def markdown(self) -> str:
        """Typer's own Markdown, from the second heading on."""
        command = [sys.executable, "-m", "typer", "synaptile.cli", "utils", "docs", "--name", "synaptile"]
        text = unescape(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return text[text.index("\n## ") :]


class PythonAPI(MarkdownDirective):
    """`python-api`: all that `synaptile.__all__` names: functions, types, errors."""

    def markdown(self) -> str:
        """Three sections of autodoc directives."""
        names: dict[str, list[str]] = {"Functions": [], "Types": [], "Errors": []}
        for name in synaptile.__all__:
            value = getattr(synaptile, name)
            is_error = inspect.isclass(value) and issubclass(value, Exception)
            names["Errors" if is_error else "Types" if inspect.isclass(value) else "Functions"].append(name)
        parts = []
        for title, own in names.items():
            kind = {"Functions": "autofunction", "Types": "autoclass", "Errors": "autoexception"}[title]
            directives = "\n".join(f".. {kind}:: synaptile.{name}" for name in own)
            parts.append(f"## {title}\n\n```{{eval-rst}}\n{directives}\n```")
        return "\n\n".join(parts)


def _meanings() -> dict[tuple[str, str], str]:
    """(class, field) of the schema -> the docstring below the field."""
    found = {}
    for section in ast.parse(inspect.getsource(schema)).body:
        if not isinstance(section, ast.ClassDef):
            continue
        for field, below in zip(section.body, section.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[section.name, ast.unparse(field.target)] = str(below.value.value)
    return found


def _sections(section: type[BaseModel], prefix: str, meanings: dict[tuple[str, str], str]) -> Iterator[str]:
    rows, below = [], []
    for name, field in section.model_fields.items():
        inner = _inner(field)
        if inner is not None and not issubclass(inner, Figure):
            below.append((f"{prefix}{name}.", inner))
        rows.append((f"`{prefix}{name}`", *_about(name, field, inner), meanings[section.__name__, name]))
    header = ("key", "type and limits", "unit", "needed", "meaning")
    title = f"`{prefix.rstrip('.')}`" if prefix else "Top level"
    # Sections of one class (formats of every operation) are written once.
    unique = {inner: where for where, inner in reversed(below)}
    yield f"## {title}\n\n{markdown_table(header, rows)}"
    for where, inner in below:
        if unique[inner] == where:
            yield from _sections(inner, where if len(list(_same(below, inner))) == 1 else f"{prefix}*.", meanings)


def _same(below: list[tuple[str, type[BaseModel]]], inner: type[BaseModel]) -> Iterator[str]:
    return (where for where, one in below if one is inner)


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    candidates = (field.annotation, *get_args(field.annotation))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _about(name: str, field: FieldInfo, inner: type[BaseModel] | None) -> tuple[str, str, str]:
    needed = "yes" if field.is_required() else "no"
    if inner is None:
        return _plain(field), "", needed
    if not issubclass(inner, Figure):
        return "section", "", needed
    value = inner.model_fields["value"]
    kind = "integer" if value.annotation is int else "number"
    signs = {"gt": ">", "ge": ">=", "le": "<="}
    limits = [
        f"{sign} {getattr(rule, attribute):g}"
        for rule in value.metadata
        for attribute, sign in signs.items()
        if getattr(rule, attribute, None) not in (None, schema.MAX_COUNT, schema.MAX_REAL)  # said once for all
    ]
    unit = next(
        (unit for end, unit in UNITS.items() if name.endswith(end)), "pJ" if inner is schema.Real and len(name) < 5 else ""
    )
    return f"{kind} {', '.join(limits)}", unit, needed


def _plain(field: FieldInfo) -> str:
    for one in (field.annotation, *get_args(field.annotation)):
        if get_origin(one) is Literal:
            return " \\| ".join(f"`{str(choice).lower() if isinstance(choice, bool) else choice}`" for choice in get_args(one))
    if field.annotation is bool:
        return "`true` \\| `false`"
    return "list of text" if get_origin(field.annotation) is list else "text"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for name, directive in (
        ("chip-keys", ChipKeys),
        ("shipped-chips", ShippedChips),
        ("prices", Prices),
        ("command-line", CommandLine),
        ("python-api", PythonAPI),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
