"""How the documentation is built: `make docs`, or `sphinx-build -W docs build/docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

project = "Synaptile"
author = "The Synaptile authors"
copyright = author
version = release = version_of("synaptile")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "synaptile_reference"]
exclude_patterns = ["_ext"]
templates_path: list[str] = []

# The notebook is published with the outputs that a test compares with a fresh run.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings are written for a terminal: a name in single backticks is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "Synaptile"
html_copy_source = False
html_show_sphinx = False
# The theme's own fonts are those of the system: a reader's browser asks nobody but the site.
html_theme_options = {"top_of_page_buttons": []}
