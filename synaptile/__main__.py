"""``synaptile`` and ``python -m synaptile``: the command line, from the first moment on with errors of ours alone."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from synaptile.surroundings import make_output_printable, problem_with_variables

INTERRUPTED = 130
TERMINATED = 143
"""Exit status after Ctrl-C, and after SIGTERM, as shells give them."""


def main() -> None:
    """Entry point of the console script."""
    make_output_printable()
    try:
        signal.signal(signal.SIGTERM, _terminated)
        if (problem := problem_with_variables()) is not None:
            _fail(problem)
        from synaptile import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except MemoryError as error:
        _fail(f"out of memory ({error}): give less to do at once, or take a machine with more".replace(" ()", ""))
    except ImportError as error:
        _fail(f"{error}: the installation is damaged, or this process may not use enough memory (ulimit -v) to load it")


def _terminated(*_: object) -> NoReturn:
    sys.exit(TERMINATED)  # by way of what commands do as they end: temporary files go, directories are let go


def _fail(message: str) -> None:
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = None  # nobody can be told, as on a full device; the status still tells
    sys.exit(2)


if __name__ == "__main__":
    main()
