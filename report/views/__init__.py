"""Views: every result as a document of texts, made once, whatever prints it."""
