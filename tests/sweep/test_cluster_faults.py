"""Does whatever can be wrong with a cluster end within its time in words of ours, on schedulers and workers that are real?"""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synaptile.foundation.errors import InputError
from synaptile.studies import spread

pytest.importorskip("distributed", reason="dask is not installed (extra `study`)")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "CONNECT_SECONDS", 5)
    monkeypatch.setattr(spread, "LOOK_SECONDS", 1)
    monkeypatch.setattr(spread, "ALONE_SECONDS", 3)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts processes that end with the test."""
    begun: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        to_none = subprocess.DEVNULL
        begun.append(subprocess.Popen(command, env=os.environ | environment, cwd=tmp_path, stdout=to_none, stderr=to_none))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def scheduler(start: Start) -> tuple[str, subprocess.Popen[bytes]]:
    port = free_port()
    process = start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    return f"tcp://127.0.0.1:{port}", process


def worker(start: Start, address: str, **environment: str) -> subprocess.Popen[bytes]:
    """A worker that has registered."""
    from distributed import Client

    process = start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **environment)
    with Client(address) as client:
        client.wait_for_workers(1, timeout=30)
    return process


def refusal(address: str) -> str:
    with pytest.raises(InputError) as refused, spread.remote_cluster(address):
        pass
    return str(refused.value)


def test_a_port_that_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "no dask scheduler answers" in refusal(f"tcp://127.0.0.1:{silent.getsockname()[1]}")


def test_a_web_server() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert "no dask scheduler answers" in refusal(f"tcp://127.0.0.1:{server.server_port}")


def test_a_scheduler_without_workers(start: Start) -> None:
    assert "has no workers: start some with `dask worker" in refusal(scheduler(start)[0])


def test_a_worker_without_the_package(start: Start, tmp_path: Path) -> None:
    lines = (
        "import sys\nclass No:\n def find_spec(self, name, *rest):\n  if name.startswith('synaptile'): raise ModuleNotFoundError("
    )
    (tmp_path / "sitecustomize.py").write_text(lines + "name=name)\nsys.meta_path.insert(0, No())\n")
    address, _ = scheduler(start)
    worker(start, address, PYTHONPATH=str(tmp_path))
    assert "cannot run synaptile (" in refusal(address)


def test_a_worker_of_other_sources(start: Start, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "synaptile", tmp_path / "synaptile", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "synaptile/energy/bill.py").open("a") as file:
        file.write("# another version\n")
    address, _ = scheduler(start)
    worker(start, address, PYTHONPATH=str(tmp_path))
    assert "install one on all" in refusal(address)


def test_the_last_worker_goes_and_so_does_the_scheduler(start: Start) -> None:
    address, process = scheduler(start)
    only = worker(start, address)
    with pytest.raises(InputError, match="has had no worker for 3 s, 2 tasks wait"), spread.remote_cluster(address) as client:
        threading.Timer(1, only.kill).start()
        spread.run_on(client, time.sleep, [60, 60], ["a", "b"], lambda _: None)
    worker(start, address)
    with pytest.raises(InputError, match="scheduler of the cluster has gone"), spread.remote_cluster(address) as client:
        threading.Timer(1, process.kill).start()
        spread.run_on(client, time.sleep, [60], ["c"], lambda _: None)


def test_a_task_of_the_user_fails_as_itself(start: Start) -> None:
    address, _ = scheduler(start)
    worker(start, address)
    with pytest.raises(ValueError, match="could not convert"), spread.remote_cluster(address) as client:
        spread.run_on(client, float, ["no number"], ["a"], lambda _: None)
