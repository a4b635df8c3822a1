"""Renderers: a document on the terminal, as Markdown text and as HTML for notebooks."""
