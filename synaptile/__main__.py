"""``synaptile`` and ``python -m synaptile``: the command line, from the first moment on with errors of ours alone."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from synaptile.surroundings import make_output_printable, problem_with_memory, problem_with_variables

INTERRUPTED = 130
TERMINATED = 143
"""Exit status after Ctrl-C, and after SIGTERM, as shells give them."""


def main() -> None:
    """Entry point of the console script."""
    make_output_printable()
    try:
        signal.signal(signal.SIGTERM, _stop)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as behind nohup
            signal.signal(signal.SIGINT, _stop)
        sys.unraisablehook = _sent_again
        if (problem := problem_with_variables() or problem_with_memory()) is not None:
            _fail(problem)
        from synaptile import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _stopped:  # compiled code can make another error of a signal that comes inside it
            sys.exit(_stopped[0])
        if isinstance(error, MemoryError):
            _fail(f"out of memory ({error}): give less to do at once, or take a machine with more".replace(" ()", ""))
        if isinstance(error, ImportError):
            _fail(f"{error}: the installation is damaged, or this process may not use enough memory (ulimit -v) to load it")
        raise
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)  # all is done: one that comes while Python ends ends it at once, in silence


_stopped: list[int] = []
"""The exit status of signals that have come."""


def _stop(sign: int, _: object) -> NoReturn:
    """End by way of what commands do as they end: temporary files go, directories are let go."""
    if sign == signal.SIGINT:
        _stopped.append(INTERRUPTED)
        raise KeyboardInterrupt
    _stopped.append(TERMINATED)
    sys.exit(TERMINATED)


def _sent_again(dropped: sys.UnraisableHookArgs) -> None:
    """A signal that comes inside a destructor, where Python drops what is raised, is sent again at once."""
    sign = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}.get(dropped.exc_type)
    if sign is None:
        sys.__unraisablehook__(dropped)
        return
    with suppress(RuntimeError):  # no thread begins as Python ends
        threading.Timer(0.01, signal.raise_signal, [sign]).start()


def _fail(message: str) -> None:
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = None  # nobody can be told, as on a full device; the status still tells
    sys.exit(2)


if __name__ == "__main__":
    main()
