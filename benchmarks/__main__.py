"""``python -m benchmarks [--only NAME ...] [--quick] [--history]``: measure and print tables."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.history import write

TABLES = (
    *("kernels", "model", "methods", "processors", "growth", "threads", "memory"),
    *("schedule", "sweep", "startup", "giant"),
)


def main() -> None:
    """Parse the command line and print each table asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=TABLES, metavar="NAME", help=f"one of {', '.join(TABLES)}; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer runs and smaller shapes")
    parser.add_argument("--history", action="store_true", help="keep figures relative to others of the same run")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for name in options.only or TABLES:
        figures |= importlib.import_module(f"benchmarks.{name}").print_tables(quick=options.quick) or {}
    if options.history:
        print(f"\nkept in {write(figures)}")


if __name__ == "__main__":
    main()
