"""``python -m benchmarks [--only NAME ...] [--quick]``: measure and print tables."""

from __future__ import annotations

import argparse
import importlib

TABLES = ("kernels", "model", "growth", "threads", "memory", "schedule", "sweep", "startup", "giant")


def main() -> None:
    """Parse the command line and print each table asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=TABLES, metavar="NAME", help=f"one of {', '.join(TABLES)}; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer runs and smaller shapes")
    options = parser.parse_args()
    for name in options.only or TABLES:
        importlib.import_module(f"benchmarks.{name}").print_tables(quick=options.quick)


if __name__ == "__main__":
    main()
