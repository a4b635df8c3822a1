"""What shows every result: named to `foundation.shown` by `synaptile/__init__.py`."""

from __future__ import annotations

from rich.console import RenderableType

from synaptile.report.render.html import html
from synaptile.report.render.terminal import terminal
from synaptile.report.views.document import Document, Sheet


def html_of(result: object) -> str:
    """A result, sheet or document as HTML of a notebook."""
    return html(_readable(result))


def terminal_of(result: object) -> RenderableType:
    """A result, sheet or document as a rich console prints it."""
    return terminal(_readable(result))


def _readable(result: object) -> Document | Sheet:
    assert isinstance(result, Document | Sheet)
    return result
