"""Renderers: a Document or Sheet as terminal output, Markdown text or HTML."""
