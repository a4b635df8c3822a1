"""Views: each result as a `Document` of sheets, facts and notes, made once for terminal, Markdown and HTML."""
