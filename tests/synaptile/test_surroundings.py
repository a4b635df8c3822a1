"""Does the command line answer in words of ours whatever surrounds it: encodings, variables, full devices, interrupts?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "synaptile"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=os.environ | environment, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_tables_are_readable_in_any_encoding(encoding: str) -> None:
    done = run("chips", "ecmt45", LC_ALL="C", PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and "synapse_core.lanes_per_cycle" in done.stdout and "Traceback" not in done.stderr
    assert "?" not in done.stdout.replace("mean ?", ""), "every character of ours has an ASCII that looks like it"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUMBA_NUM_THREADS", "0"),
        ("NUMBA_NUM_THREADS", "many"),
        ("NUMBA_THREADING_LAYER", "bogus"),
        ("SOURCE_DATE_EPOCH", "x"),
    ],
)
def test_a_variable_that_libraries_refuse_is_named(name: str, value: str) -> None:
    done = run("chips", **{name: value})
    assert done.returncode == 2 and done.stderr.startswith(f"error: {name} is {value!r}") and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_backend_for_windows_is_set_aside() -> None:
    assert run("chips", MPLBACKEND="bogus").returncode == 0


@pytest.mark.slow
def test_a_full_device_for_errors_still_gives_the_status() -> None:
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([*COMMAND, "chips", "nothere"], stderr=full, stdout=full, timeout=60).returncode == 2


@pytest.mark.parametrize("kibibytes", [500_000, 700_000, 1_000_000])
def test_too_little_address_space_is_said_before_libraries_wait_for_it(kibibytes: int) -> None:
    limited = ["bash", "-c", f'ulimit -v {kibibytes}; exec "$@"', "bash", *COMMAND, "chips"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("error: out of memory"), done.stderr
    assert f"{kibibytes // 1024} MiB" in done.stderr and "ulimit -v" in done.stderr


@pytest.mark.parametrize("module", ["typer", "synaptile.foundation.errors", "numpy", "pydantic"])
def test_an_interrupt_while_modules_load_is_quiet(module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "synaptile", "chips", "ecmt45"]
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert begun.stderr is not None
    for line in begun.stderr:
        if line.rpartition("|")[2].strip() == module:
            break
    begun.send_signal(signal.SIGINT)
    _, errors = begun.communicate(timeout=60)
    assert begun.returncode == 130 and "Traceback" not in errors


DESTROYED = """
import time
from synaptile import cli
from synaptile.__main__ import main

def spend(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

class Slow:
    def __del__(self):
        print("in a destructor", flush=True)
        spend(2)

def command():
    Slow()
    spend(30)

cli.main = command
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_inside_a_destructor_still_ends_the_command(sign: signal.Signals, status: int) -> None:
    begun = subprocess.Popen([sys.executable, "-c", DESTROYED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert begun.stdout is not None and begun.stdout.readline()
    begun.send_signal(sign)
    _, errors = begun.communicate(timeout=60)
    assert begun.returncode == status and not errors


MADE_ANOTHER = """
import signal
from synaptile import cli
from synaptile.__main__ import main

def command():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ERROR

cli.main = command
main()
"""


@pytest.mark.parametrize("error", ["TypeError('incompatible arguments')", "ImportError('initialization failed')"])
def test_a_signal_of_which_compiled_code_makes_another_error_ends_the_command_as_a_signal(error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MADE_ANOTHER.replace("ERROR", error)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, "")
