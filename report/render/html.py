"""A Document or Sheet as HTML for notebooks: a card that fetches nothing and runs nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from synaptile.report.render.terminal import bar
from synaptile.report.views.document import Bar, Document, Sheet


def html(shown: Document | Sheet) -> str:
    """A titled card, as `_repr_html_` returns it; every text is escaped."""
    document = Document(shown.title, (replace(shown, title="", folded=False),)) if isinstance(shown, Sheet) else shown
    return _template().render(document=document)


@cache
def _template() -> Template:
    loader = PackageLoader("synaptile.report.render", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["text"] = lambda cell: bar(cell).plain if isinstance(cell, Bar) else cell
    return environment.get_template("card.html.j2")
