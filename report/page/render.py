"""Templates, styles and scripts joined into one file that fetches nothing and runs nothing but itself."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_ASSETS = files("synaptile.report.page") / "assets"


def render(template: str, scripts: Sequence[str], *, styles: Sequence[str] = ("page.css",), **values: Any) -> str:
    """A page from a template, its style sheets and its scripts in order.

    Every value is escaped. The page's policy admits the one script and the one style sheet of ours by their digests, and no
    connection anywhere: text that slipped through escaping still could not run.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False, "ensure_ascii": True}
    style = "\n".join(_text(name) for name in styles)
    script = "\n".join(_text(name) for name in scripts)
    own = f"script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    return environment.from_string(_text(template)).render(
        **values,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'",
    )


def packed(document: Mapping[str, Any]) -> str:
    """A large document as base64 of gzipped JSON, the same bytes for the same document."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def _text(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
