"""Kills, full disks and lost processes at random moments: rerun, a command ends with the files that it writes undisturbed.

    python scripts/faults.py [--kills 200] [--full 40] [--clusters 6] [--seed 0]

Commands run on the embedded digits, each forked from this process, in which it has run once: moments fall into its work, not
into imports. They are drawn over its processor time, so that load does not move them. A killed command (SIGKILL, SIGTERM,
SIGINT) is given again, and killed again, up to four times, of which those count that came before it had ended; the last time it
runs to its end, and every file that it leaves, hidden ones, optuna's journal (times of day) and who executed a run apart, is
compared byte for byte with that of a run that nothing disturbed; no temporary file may be left. A full disk is a tmpfs of a
random size where this process may mount one, else a limit on the size of files (RLIMIT_FSIZE); the command has to say so and
exit with 2, and to end well once there is room. On a cluster of dask on the loopback interface, a worker of two, both or the
scheduler are killed under a study; where it cannot go on it has to say so, and to end well on a new cluster. Printed is how many
were tried of each; the status is 1 where one ended otherwise.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")  # may be forked

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from synaptile.data import DIGITS_GRAPH
from synaptile.studies.kept import forget

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDS = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130, -2)}
PATIENCE_SECONDS = 600
ANSWER_SECONDS = 60
LARGEST_BYTES = 1 << 21
STUDY = """
name: faults
model: {digits: true}
images: {from: digits, limit: 4}
chip: ecmt45-mini
mapping: {placement: row_major}
steps: 2
grid:
  steps: [1, 2]
  conversion.threshold_factor: [0.8, 1.0]
  chip.synapse_core.lanes_per_cycle: [4, 16]
objectives: [latency_ms, energy_static_pj, agreement]
"""
RUN = "run net.map --images digits --limit 4 --steps 2 --threads 1 --with-schedule -o out"
COMMANDS = {
    "run": RUN,
    "run --overwrite": f"{RUN} --overwrite",
    "table1": "table1 net.map --images digits --limit 12 --batch 2 -T 2 -o out",
    "tune": "tune net.spk --images digits --limit 4 -T 2 --trials 8 --chip ecmt45-mini --threads 1 -o out",
    "size": "size ready --latency-ms 1 --vary synapse_core.lanes_per_cycle=2,4,8 --vary ec_core.multipliers_per_cycle=2,8 -o out",
    "sweep": "sweep study.yaml -o out",
}
JOURNAL = "trials.journal"
WHO = {"command": None, "threads": None}
"""Of a run's provenance: what a cluster was asked with, and what its workers took."""
ON_CLUSTERS = ("table1", "sweep")
VICTIMS = ("a worker", "all workers", "the scheduler")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, minus the signal where one ended it, and what it printed."""

    status: int
    printed: str

    @property
    def refused(self) -> bool:
        """Whether it ended with a message of ours."""
        return self.status == 2 and "error: " in self.printed and "Traceback" not in self.printed


class Bench:
    """A folder of inputs, the files of each undisturbed command, and the faults that ended otherwise."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, random.Random(seed)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.failures: list[str] = []
        self.expected: dict[str, dict[str, bytes]] = {}
        self.seconds: dict[str, float] = {}
        shutil.copy(DIGITS_GRAPH, folder / "net.spk")
        (folder / "study.yaml").write_text(STUDY)

    def prepare(self, names: list[str]) -> None:
        """Run each command once in this process, which makes later ones quick, and once forked, which is compared with."""
        for line in ("map net.spk --chip ecmt45-mini -o net.map", RUN.replace("-o out", "-o ready --overwrite")):
            self._must(line, here=True)
        for name in names:
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            self._must(COMMANDS[name], here=True)
            shutil.rmtree(self.folder / "out")
            begun = psutil.Process().cpu_times()
            self._must(COMMANDS[name])
            ended = psutil.Process().cpu_times()
            self.seconds[name] = ended.children_user + ended.children_system - begun.children_user - begun.children_system
            self.expected[name] = contents(self.folder / "out")

    def _must(self, line: str, *, here: bool = False) -> None:
        child = self.start(line) if not here else None
        if child is None:
            with redirect_stdout(io.StringIO()) as printed:
                status = in_this_process(self.folder, line)
            forget()
            ended = Ended(status, printed.getvalue())
        else:
            ended = self.wait(child)
        if ended.status:
            raise SystemExit(f"{line}: exit {ended.status} undisturbed\n{ended.printed}")

    def start(self, line: str, limit: int | None = None) -> int:
        """Begin a command in a process of its own; gives its number."""
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        with (self.folder / "printed.txt").open("wb") as printed:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        status = 70  # of sysexits: an internal error
        try:
            status = in_this_process(self.folder, line)
        except BaseException:  # as Python would end
            import traceback

            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def wait(self, child: int, sign: int | None = None, after_seconds: float = 0.0) -> Ended:
        """Until a command ends; `sign` is sent once it has taken so much of the processor's time."""
        process, begun = psutil.Process(child), time.monotonic()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                printed = (self.folder / "printed.txt").read_text(errors="replace")
                return Ended(os.waitstatus_to_exitcode(status), printed)
            used = process.cpu_times()
            if sign is not None and used.user + used.system >= after_seconds:
                os.kill(child, sign)
                sign = None
            if time.monotonic() - begun > PATIENCE_SECONDS:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.002)

    def fail(self, what: str, name: str, why: str) -> None:
        """Note a fault that did not end as promised."""
        self.counts[what, "otherwise"] += 1
        self.failures.append(f"{what} of {name}: {why}")
        print(self.failures[-1], file=sys.stderr, flush=True)

    def finish(self, what: str, name: str, more: str = "") -> None:
        """Run a disturbed command to its end and compare what it left."""
        ended = self.wait(self.start(COMMANDS[name] + more))
        whole = ended.refused and "holds a run already" in ended.printed  # it had ended, but for its last words
        if ended.status and not whole:
            self.fail(what, name, f"rerun ended with {ended.status}: {ended.printed[-500:]}")
            return
        found, expected = contents(self.folder / "out"), self.expected[name]
        differ = sorted(file for file in found.keys() | expected.keys() if found.get(file) != expected.get(file))
        left = [path.name for path in (self.folder / "out").rglob("*") if path.name.endswith((".part", ".lock", ".unfinished"))]
        if differ or left:
            self.fail(what, name, f"other files {differ}, left behind {left}")
            if keep := os.environ.get("KEEP"):
                shutil.copytree(self.folder / "out", Path(keep) / f"{what} {name} {len(self.failures)}")

    def clear(self, name: str) -> None:
        """An empty directory of output; one with an older run for a command that overwrites."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        if "overwrite" in name:
            shutil.copytree(self.folder / "ready", self.folder / "out")

    def kill(self, name: str, most: int) -> int:
        """Up to four kills of one command, each rerun, the last to its end; gives how many came before it had ended."""
        self.clear(name)
        kills = 0
        for _ in range(self.dice.randint(1, min(4, most))):
            sign = self.dice.choice(SIGNALS)
            ended = self.wait(self.start(COMMANDS[name]), sign, 0.01 + self.dice.random() * self.seconds[name])
            in_time = ended.status in ENDS[sign]
            kills += in_time
            self.counts[sign.name, "ended it" if in_time else "too late"] += 1
            if not in_time and ended.status and not ended.refused:
                self.fail(sign.name, name, f"ended with {ended.status}: {ended.printed[-500:]}")
            if "Traceback" in ended.printed:
                self.fail(
                    sign.name,
                    name,
                    f"ended with {ended.status}: {ended.printed[ended.printed.index('Traceback') - 200 :][:2000]}",
                )
        self.finish("kill", name)
        return kills

    def fill(self, name: str, mounted: bool) -> None:
        """A command on a disk of a random size, which then gets more room."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        size = int(LARGEST_BYTES * self.dice.random() ** 3) + 4096
        what = "full disk" if mounted else "limit on files"
        if mounted:
            out.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", out], check=True)
        try:
            ended = self.wait(self.start(COMMANDS[name], None if mounted else size))
            self.counts[what, "enough" if ended.status == 0 else "refused"] += 1
            if ended.status and not ended.refused:
                self.fail(what, name, f"{size} bytes: ended with {ended.status}: {ended.printed[-500:]}")
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=100m", out], check=True)
            self.finish(what, name)
        finally:
            if mounted:
                subprocess.run(["umount", out], check=True)

    def on_cluster(self, name: str, victim: str) -> None:
        """A command on a cluster, of which something dies at a random moment; then on a new one."""
        self.clear(name)
        with Cluster() as cluster:
            child = self.start(f"{COMMANDS[name]} --scheduler {cluster.address}")
            after = threading.Timer(self.dice.random() * self.cluster_seconds[name], cluster.kill, [victim])
            begun = time.monotonic()
            after.start()
            ended = self.wait(child)
            after.cancel()
            took = time.monotonic() - begun
        self.counts[f"{victim} of a cluster", "refused" if ended.status else "ended"] += 1
        if ended.status and (not ended.refused or victim == "a worker"):
            self.fail(victim, name, f"ended with {ended.status}: {ended.printed[-500:]}")
        if took > self.cluster_seconds[name] + ANSWER_SECONDS:
            self.fail(victim, name, f"answered after {took:.0f} s")
        with Cluster() as cluster:
            self.finish(victim, name, f" --scheduler {cluster.address}")

    def undisturbed_clusters(self, names: list[str]) -> None:
        """How long each takes on a cluster; what it gives has to equal that of one process."""
        self.cluster_seconds = dict.fromkeys(names, 0.0)
        for name in names:
            self.clear(name)
            with Cluster() as cluster:
                begun = time.monotonic()
                self.finish("cluster", name, f" --scheduler {cluster.address}")
                self.cluster_seconds[name] = time.monotonic() - begun


class Cluster:
    """A scheduler and two workers, processes of their own."""

    def __enter__(self) -> Cluster:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = _begin("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        self.workers = [_begin("dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(2)]
        waits = "import sys; from distributed import Client; Client(sys.argv[1], timeout=300).wait_for_workers(2, timeout=300)"
        subprocess.run([sys.executable, "-c", waits, self.address], check=True)  # beside this process, which is forked
        return self

    def kill(self, victim: str) -> None:
        """One of `VICTIMS`."""
        for process in {"a worker": self.workers[:1], "all workers": self.workers}.get(victim, [self.scheduler]):
            process.kill()

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _begin(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    none = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", f"distributed.cli.{program}", *arguments], stdout=none, stderr=none)


def in_this_process(folder: Path, line: str) -> int:
    """Do a command as the console script does; gives the exit status."""
    from synaptile.__main__ import main

    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["synaptile", *line.split()]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def contents(folder: Path) -> dict[str, bytes]:
    """What a directory holds, hidden files, optuna's journal and `WHO` apart; lines of other journals in an order."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and path.name != JOURNAL and not any(part[0] == "." for part in name.parts):
            lines = path.read_bytes().splitlines(keepends=True)
            if path.name == "provenance.json":
                lines = [json.dumps(json.loads(b"".join(lines)) | WHO).encode()]
            if path.name == "activity.npz":
                lines = list(_recorded(path))
            found[name.as_posix()] = b"".join(sorted(lines) if path.suffix == ".jsonl" else lines)
    return found


def _recorded(path: Path) -> Iterator[bytes]:
    """What an activity holds beside `WHO`, which its digest covers."""
    with np.load(path) as arrays:
        header = json.loads(arrays["header"].tobytes())
        yield json.dumps(header | {"digest": None, "provenance": header["provenance"] | WHO}).encode()
        for name in arrays.files:
            if name != "header":
                yield f"{name} {arrays[name].dtype} {arrays[name].shape}".encode() + arrays[name].tobytes()


def may_mount(folder: Path) -> bool:
    """Whether this process may mount a tmpfs."""
    tried = folder / "tried"
    tried.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", tried], capture_output=True).returncode:
        return False
    return not subprocess.run(["umount", tried], capture_output=True).returncode


def main() -> int:
    """Do as many faults as asked for; 0 where every one ended as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="kills over all commands")
    parser.add_argument("--full", type=int, default=40, help="full disks over all commands")
    parser.add_argument("--clusters", type=int, default=6, help="clusters that lose a process")
    parser.add_argument("--only", choices=sorted(COMMANDS), action="append", help="these commands alone")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    names = asked.only or list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.seed)
        bench.prepare(names)
        print({name: round(taken, 2) for name, taken in bench.seconds.items()}, file=sys.stderr, flush=True)
        mounted = asked.full > 0 and may_mount(Path(folder))
        kills = Counter[str]()
        for name in itertools.cycle(names):
            if kills.total() >= asked.kills:
                break
            kills[name] += bench.kill(name, asked.kills - kills.total())
            print(f"{kills.total()} kills", file=sys.stderr, flush=True)
        for number in range(asked.full):
            bench.fill(names[number % len(names)], mounted)
        studies = [name for name in names if name in ON_CLUSTERS]
        if asked.clusters:
            bench.undisturbed_clusters(studies)
        for number in range(asked.clusters):
            bench.on_cluster(studies[number % len(studies)], VICTIMS[number // len(studies) % len(VICTIMS)])
        os.chdir("/")
    by_command = ", ".join(f"{name} {number}" for name, number in kills.items())
    done = f"{kills.total()} kills ({by_command}), {asked.full} full disks, {asked.clusters} clusters, seed {asked.seed}"
    table = Table("fault", "how it ended", "count", title=f"{done}: {len(bench.failures)} ended otherwise")
    for (what, how), count in sorted(bench.counts.items()):
        table.add_row(what, how, str(count))
    Console(width=100).print(table)
    return int(bool(bench.failures))


if __name__ == "__main__":
    sys.exit(main())
