"""Execute the tutorial notebook and keep its outputs: `python scripts/run_tutorial.py [NOTEBOOK]`, in place.

Needs nbclient and ipykernel. What changes from run to run without meaning (times of execution, counters of widgets, the version
of the kernel) is not kept, so that a second run leaves the file as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from synaptile.foundation.files import write_text

TUTORIAL = Path(__file__).resolve().parents[1] / "docs" / "tutorial.ipynb"
TIMEOUT_S = 300


def executed(notebook: NotebookNode) -> NotebookNode:
    """The notebook with the outputs of a run in a fresh kernel. Raises CellExecutionError where a cell fails."""
    fresh = nbformat.from_dict(notebook)
    root = str(TUTORIAL.parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    client = NotebookClient(fresh, timeout=TIMEOUT_S, kernel_name="python3", store_widget_state=False)
    client.execute(env=environment)
    return stable(fresh)


def stable(notebook: NotebookNode) -> NotebookNode:
    """The notebook without what differs between two runs of it."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({name: cell.metadata[name] for name in ("tags",) if name in cell.metadata})
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = nbformat.from_dict({})
                if "text/html" in output.data:
                    output.data.pop("text/plain", None)  # of a dataclass of arrays: its whole contents
    return notebook


def main(path: Path) -> None:
    """Execute the notebook at `path` in place."""
    notebook = nbformat.read(path, as_version=4)
    write_text(path, nbformat.writes(executed(notebook)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TUTORIAL)
