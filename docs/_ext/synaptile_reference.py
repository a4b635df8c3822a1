"""Reference tables from the code itself: keys of a chip file, shipped chips, prices of operations, the command line.

Each directive writes Markdown that the page around it parses, so that no figure or option stands here twice.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from html import unescape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import synaptile
from synaptile.energy.prices import HOROWITZ
from synaptile.foundation.documents import Form, Location, node_at
from synaptile.hwmodels import load_chip, shipped_chips
from synaptile.hwmodels.load import chip_form
from synaptile.hwmodels.sourced import MAX_COUNT, MAX_REAL
from synaptile.report.render.markdown import markdown_table

UNITS = {
    "pj_per_bit": "pJ per bit",
    "gbit_per_s": "Gbit/s",
    "_pj_per_flit_hop": "pJ per flit and hop",
    "_pj_per_flit": "pJ per flit",
    "_pj_per_64bit": "pJ per 64 bits",
    "_um2_per_bit": "um2 per bit",
    "_flits_per_cycle": "flits per cycle",
    "_per_cycle": "per cycle",
    "_per_tile": "per tile",
    "_per_hop": "cycles",
    "_cycles": "cycles",
    "_flits": "flits",
    "_bits": "bits",
    "_pj": "pJ",
    "_mhz": "MHz",
    "_mm2": "mm2",
    "_um2": "um2",
    "_nm": "nm",
    "_ns": "ns",
    "_uw": "uW",
    "_v": "V",
}
"""Units by the ends of names, the longest first."""

FORMATS = ("fp32", "fp16", "bf16", "int32", "int24", "int16", "int8", "int4")


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
        """A table per section: key, type and limits, unit, whether it must be there, meaning."""
        return "\n\n".join(_sections((), ""))


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
        """A row per operation."""
        formats = {name: HOROWITZ.prices(name) for name in FORMATS}
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


def _sections(location: Location, begins: str) -> Iterator[str]:
    """A table of the keys at a place, which begin with `begins`, then those of the sections below; sections alike are one."""
    section = node_at(chip_form(), location)
    nodes_below = {key: node_at(chip_form(), (*location, key)) for key in section["properties"]}
    required = section.get("required", ())
    rows = [
        (f"`{begins}{key}`", *_about(key, node), "yes" if key in required else "no", node.get("description") or _inherited(key))
        for key, node in nodes_below.items()
    ]
    title = f"`{begins.rstrip('.')}`" if begins else "Top level"
    yield f"## {title}\n\n{markdown_table(('key', 'type and limits', 'unit', 'needed', 'meaning'), rows)}"
    sections = {key: node["properties"] for key, node in nodes_below.items() if _is_section(node)}
    if len(sections) > 1 and all(keys == sections[next(iter(sections))] for keys in sections.values()):
        yield from _sections((*location, next(iter(sections))), f"{begins}*.")
    else:
        for key in sections:
            yield from _sections((*location, key), f"{begins}{key}.")


def _inherited(key: str) -> str:
    """Meaning of a key that a section takes over from `Memory`: a form holds the texts of a class's own fields alone."""
    return str(chip_form()["$defs"]["Memory"]["properties"][key]["description"])


def _is_section(node: Form) -> bool:
    return "value" not in node.get("properties", ("value",))


def _about(name: str, node: Form) -> tuple[str, str]:
    """Type with limits, and unit."""
    if _is_section(node):
        return "section", ""
    if "properties" not in node:
        return _plain(node), ""
    value = node["properties"]["value"]
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "maximum": "<="}
    limits = [f"{sign} {value[rule]:g}" for rule, sign in signs.items() if value.get(rule) not in (None, MAX_COUNT, MAX_REAL)]
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "pJ" if name in FORMATS else "")
    return f"{value['type']} {', '.join(limits)}", unit


def _plain(node: Form) -> str:
    if choices := node.get("enum", [node["const"]] if "const" in node else [True, False] if node["type"] == "boolean" else []):
        return " \\| ".join(f"`{str(choice).lower() if isinstance(choice, bool) else choice}`" for choice in choices)
    return "list of text" if node["type"] == "array" else "text"


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
