"""Start-up: CPU time of the command's help and of the import, in processes of their own."""

from __future__ import annotations

import sys

from benchmarks.measure import print_table, run_child

LIMITS = {"synaptile --help": 0.4, "import synaptile": 0.5}
"""Seconds of CPU that may be taken."""


def print_tables(*, quick: bool = False) -> None:
    """The quickest of a few runs beside its limit."""
    commands = {
        "synaptile --help": [sys.executable, "-m", "synaptile", "--help"],
        "import synaptile": [sys.executable, "-c", "import synaptile"],
    }
    rows = []
    for name, command in commands.items():
        seconds = min(run_child(command).cpu for _ in range(3 if quick else 9))
        rows.append((name, f"{seconds:.2f}", f"{LIMITS[name]:.2f}", "yes" if seconds <= LIMITS[name] else "no"))
    print_table("Start-up", ("what", "CPU s", "limit", "met"), rows)
