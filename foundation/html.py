"""Small HTML for notebooks: cards of facts and tables. Every text is escaped here and nowhere else.

Colours follow the page around (`currentColor`, transparent grounds), so that a card reads in light and in dark. Nothing is
fetched and nothing runs: no script, no image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Fragment = NewType("Fragment", str)
"""HTML that was made here: what may stand inside other HTML."""

# A notebook stripes and sizes tables by selectors of its own: theirs are outweighed, not repeated cell by cell.
_STYLE = """
div.synaptile { display: inline-block; max-width: 100%; overflow-x: auto; box-sizing: border-box; padding: .7em 1em;
  font-size: 13px; line-height: 1.45; border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 8px;
  font-variant-numeric: tabular-nums; }
div.synaptile > b { display: block; margin-bottom: .35em; }
div.synaptile table { border-collapse: collapse; border: 0; margin: .3em 0; font-size: 13px; display: table; width: auto; }
div.synaptile table tr { background: none !important; }
div.synaptile table th, div.synaptile table td { padding: .18em .8em .18em 0; border: 0; background: none; text-align: right;
  vertical-align: top; white-space: nowrap; font-weight: 400; }
div.synaptile table.grid th, div.synaptile table.grid td {
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); }
div.synaptile table .text { text-align: left; white-space: normal; min-width: 4em; max-width: 60ch; }
div.synaptile table th, div.synaptile p, div.synaptile ul, div.synaptile summary { opacity: .75; }
div.synaptile p, div.synaptile ul { margin: .3em 0; max-width: 90ch; }
div.synaptile ul { padding-left: 1.2em; }
div.synaptile details { margin: .3em 0; }
div.synaptile summary { cursor: pointer; }
div.synaptile .warn { font-weight: 600; opacity: 1; color: #c2410c; }
"""


def card(title: str, *parts: Fragment) -> str:
    """A titled card, as `_repr_html_` returns it."""
    return f'<div class="synaptile"><style>{_STYLE}</style><b>{escape(title)}</b>{"".join(parts)}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> Fragment:
    """Names beside values, one a line."""
    rows = "".join(f'<tr><th class="text">{escape(name)}</th><td class="text">{escape(value)}</td></tr>' for name, value in pairs)
    return Fragment(f"<table><tbody>{rows}</tbody></table>")


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, most: int = 24) -> Fragment:
    """A table: the first `left` columns are text, the others figures. Beyond `most` rows it says how many are left out."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="text">{escape(text)}</{tag}>' if at < left else f"<{tag}>{escape(text)}</{tag}>"
            for at, text in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows[:most])
    head = f"<thead><tr>{line('th', header)}</tr></thead>"
    table = Fragment(f'<table class="grid">{head}<tbody>{body}</tbody></table>')
    rest = len(rows) - most
    return table if rest <= 0 else Fragment(table + prose(f"and {rest:,} more: to_arrow() and to_pandas() have them all"))


def prose(text: str) -> Fragment:
    """A paragraph, dimmed."""
    return Fragment(f"<p>{escape(text)}</p>")


def warning(text: str | None) -> Fragment:
    """What must not be overlooked; nothing where there is none."""
    return Fragment(f'<p class="warn">{escape(text)}</p>' if text else "")


def notes(texts: Iterable[str]) -> Fragment:
    """A list of remarks; nothing where there is none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return Fragment(f"<ul>{items}</ul>" if items else "")


def folded(summary: str, *parts: Fragment) -> Fragment:
    """What opens on a click."""
    return Fragment(f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>")
