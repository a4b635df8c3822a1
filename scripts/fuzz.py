"""Files of strangers by the thousand: every reader ends in an error of ours or a value, within time and memory.

    python scripts/fuzz.py [--count 1000] [--seed 0]

Each reader is given `count` mutations of a sound file: bytes flipped, cut, repeated and swapped, and for those with structure its
entries removed, retyped and made extreme, its digest made right again so that the content is what is looked at. Printed is how
many were tried and how each ended; the status is 1 where one ended otherwise, with the seed that makes it again.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from synaptile.conversion.graph import load_graph
from synaptile.conversion.graph.mapped import write_tensors
from synaptile.conversion.graph.storage import read_safetensors
from synaptile.conversion.images import load_images, open_folder
from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer, save_integer_network
from synaptile.data import DIGITS_GRAPH, embedded_digits, preprocess_digits
from synaptile.energy import price
from synaptile.foundation.archive import write_archive
from synaptile.foundation.arrays import read_arrays
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import SynaptileError
from synaptile.hwmodels import load_chip, shipped_chips
from synaptile.hwmodels.foreign import import_chip
from synaptile.images import read_images
from synaptile.mapper import load_program, map_graph, save_program
from synaptile.simulator import execute
from synaptile.simulator.storage import FORMAT, VERSION
from synaptile.studies.rundir import Run, load_run, save_run
from synaptile.studies.sizing.evaluate import read_points
from synaptile.studies.sweeping.plan import plan_of

SECONDS, GIBIBYTES = 60, 8
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ADD = {"operation_pj.add.fp32": "adder.add[width=32]"}
ERT = "ERT: {version: 0.4, tables: [{name: adder, actions: [{name: add, arguments: {width: 32}, energy: 0.5}]}]}\n"
EXTREME: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e-300,
    1e300,
    2**70,
    "",
    "[/x]",
    "x" * 10_000,
    [],
    {},
    [[[]]],
    float("inf"),
    -0.0,
    "1e20",
    "²",
)
Mutate = Callable[[random.Random, bytes], bytes]


def main() -> int:
    """Fuzz all readers; 0 where every file ended as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="mutations per reader")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES << 30, GIBIBYTES << 30))
    with tempfile.TemporaryDirectory() as folder:
        rows, failures = [], []
        for name, file, read, mutate in readers(Path(folder)):
            ended, failed, longest = fuzz(name, file, read, mutate, asked.count, asked.seed)
            rows.append((name, *(f"{ended[how]:,}" for how in ("refused", "read")), str(len(failed)), f"{longest:.1f} s"))
            failures += failed
            print(f"{name}: {asked.count:,} files, {len(failed)} ended otherwise", file=sys.stderr, flush=True)
    table = Table(
        "reader", "refused", "read", "otherwise", "longest", title=f"{asked.count:,} files per reader, seed {asked.seed}"
    )
    for row in rows:
        table.add_row(*row)
    Console(width=100).print(table)
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    return int(bool(failures))


def fuzz(
    name: str, file: Path, read: Callable[[], Any], mutate: Mutate, count: int, seed: int
) -> tuple[Counter[str], list[str], float]:
    """How `count` mutations of a file ended, what ended otherwise, and the longest time of one, s."""
    sound, ended, failed, longest = file.read_bytes(), Counter[str](), [], 0.0
    for number in range(count):
        file.write_bytes(mutate(random.Random(f"{seed} {name} {number}"), sound))
        begun = time.perf_counter()
        try:
            read()
            ended["read"] += 1
        except SynaptileError:
            ended["refused"] += 1
        except Exception as error:  # what a fuzzer looks for
            failed.append(f"{name}, seed {seed}, number {number}: {type(error).__name__}: {str(error)[:200]}")
        took = time.perf_counter() - begun
        longest = max(longest, took)
        if took > SECONDS:
            failed.append(f"{name}, seed {seed}, number {number}: took {took:.0f} s")
    file.write_bytes(sound)
    return ended, failed, longest


def readers(folder: Path) -> list[tuple[str, Path, Callable[[], Any], Mutate]]:
    """Name, file, what reads it, and how it is mutated."""
    program = map_graph(load_graph(DIGITS_GRAPH), load_chip("ecmt45-mini"))
    digits = embedded_digits("test")
    images = preprocess_digits(digits.images[:3])
    run = folder / "run"
    save_run(Run(execute(program, images, 2), digits.labels[:3].astype(np.int64), np.zeros((3, 10))), run)
    save_program(program, folder / "net.map")
    (folder / "net.spk").write_bytes(Path(DIGITS_GRAPH).read_bytes())
    np.savez_compressed(folder / "images.npz", images=images, labels=digits.labels[:3].astype(np.int64))
    layer = IntegerLayer("fc", np.ones((3, 4), np.int8), np.zeros(3, np.int32), None)
    save_integer_network(IntegerNetwork("small", (1, 2, 2), [layer], 9), folder / "integer.npz")
    (folder / "chip.yaml").write_text(chip_text())
    (folder / "study.yaml").write_text(STUDY)
    (folder / "sanafe.yaml").write_bytes((EXAMPLES / "sanafe_architecture.yaml").read_bytes())
    (folder / "parts.csv").write_bytes((EXAMPLES / "components.csv").read_bytes())
    (folder / "ert.yaml").write_text(ERT)
    point = {"changes": {"clock_mhz": 500}, "outcome": {"fits": True, "binding": "a", "why": "b"}}
    (folder / "points.jsonl").write_text("\n".join(json.dumps(point) for _ in range(3)) + "\n")
    pictures = folder / "pictures"
    pictures.mkdir()
    from PIL import Image

    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(pictures / "a.png")
    (pictures / "labels.csv").write_text("file,label\na.png,3\n")
    graph = program.graph

    def whole_run() -> None:
        activity = load_run(run).activity
        price(activity, activity.program.chip)

    return [
        ("chip (YAML)", folder / "chip.yaml", lambda: load_chip(folder / "chip.yaml"), yaml_text),
        ("architecture of SANA-FE (YAML)", folder / "sanafe.yaml", lambda: import_chip(folder / "sanafe.yaml"), yaml_text),
        (
            "table of components (CSV)",
            folder / "parts.csv",
            lambda: import_chip(folder / "parts.csv", "ecmt45", figures=ADD),
            some_bytes,
        ),
        (
            "table of components (YAML)",
            folder / "ert.yaml",
            lambda: import_chip(folder / "ert.yaml", "ecmt45", figures=ADD),
            yaml_text,
        ),
        ("study (YAML)", folder / "study.yaml", lambda: plan_of(folder / "study.yaml"), yaml_text),
        ("graph (.spk)", folder / "net.spk", lambda: load_graph(folder / "net.spk"), some_bytes),
        ("graph, structure", folder / "net.spk", lambda: load_graph(folder / "net.spk"), structure_of(folder)),
        ("program (.map)", folder / "net.map", lambda: load_program(folder / "net.map"), some_bytes),
        ("run, bytes", run / "activity.npz", whole_run, some_bytes),
        ("run, header and shapes", run / "activity.npz", whole_run, archive_of(folder, FORMAT, VERSION)),
        ("inputs of a run", run / "inputs.npz", whole_run, archive_of(folder, "synaptile-inputs", 1)),
        ("images (.npz)", folder / "images.npz", lambda: read_images(str(folder / "images.npz"), graph), some_bytes),
        ("integer network (.npz)", folder / "integer.npz", lambda: from_integer(folder / "integer.npz"), some_bytes),
        ("picture", pictures / "a.png", lambda: load_images(pictures, graph), some_bytes),
        ("labels.csv", pictures / "labels.csv", lambda: open_folder(pictures), some_bytes),
        ("points of a sizing", folder / "points.jsonl", lambda: read_points(folder / "points.jsonl"), json_lines),
    ]


STUDY = """
name: fuzzed
model: {digits: true}
images: {from: digits, limit: 32}
chip: ecmt45-mini
mapping: {placement: row_major}
steps: 8
search:
  sampler: nsga2
  seed: 0
  trials: 60
  batch: 10
  parameters:
    steps: {low: 1, high: 8}
    conversion.threshold_factor: {low: 0.5, high: 2.0, log: true}
    chip.synapse_core.lanes_per_cycle: [4, 8, 16, 32]
objectives: [latency_ms, energy_static_pj, agreement]
"""


def chip_text() -> str:
    """A sound chip file with every section: that of a shipped chip that extends no other."""
    from importlib.resources import files

    assert "ecmt45" in shipped_chips()
    return (files("synaptile.hwmodels") / "chips" / "ecmt45.yaml").read_text(encoding="utf-8")


def some_bytes(dice: random.Random, content: bytes) -> bytes:
    """Bytes flipped, cut out, repeated, made others; at times the file is cut short."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        at, length = dice.randrange(len(changed)), dice.randint(1, 64)
        match dice.randrange(4):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at : at + length] = dice.randbytes(min(length, len(changed) - at))
            case 2:
                changed[at:at] = changed[at : at + length]
            case _:
                del changed[at : at + length]
        if not changed:
            return b""
    return bytes(changed[: dice.randrange(len(changed))] if dice.random() < 0.1 else changed)


def yaml_text(dice: random.Random, content: bytes) -> bytes:
    """A value, key or line of a YAML file made another; or bytes of it."""
    if dice.random() < 0.2:
        return some_bytes(dice, content)
    lines = content.decode().splitlines()
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        match dice.randrange(5):
            case 0:
                lines[at] = f"{key}{colon} {json.dumps(dice.choice(EXTREME))}"
            case 1:
                lines[at] = f"{key}{colon} {{value: {json.dumps(dice.choice(EXTREME))}, assumed: fuzz}}"
            case 2:
                del lines[at]
            case 3:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case _:
                lines[at] = lines[at].replace(
                    dice.choice("{}[]:,abe0"), dice.choice(("", "&a ", "*a ", "!!x ", "- ", "[", "9" * 400))
                )
        lines = lines or [""]
    return "\n".join(lines).encode()


def json_lines(dice: random.Random, content: bytes) -> bytes:
    """An entry of one line made extreme; or bytes of the file."""
    if dice.random() < 0.3:
        return some_bytes(dice, content)
    lines = [json.loads(line) for line in content.splitlines()]
    spoil(dice, lines[dice.randrange(len(lines))])
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def spoil(dice: random.Random, value: Any) -> None:
    """Remove, add or retype one entry, somewhere in nested mappings and lists."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = dice.choice(keys)
        below = value[key]
        if isinstance(below, dict | list) and below and dice.random() < 0.7:
            value = below
            continue
        match dice.randrange(3):
            case 0:
                del value[key]
            case 1 if isinstance(value, dict):
                value["fuzz"] = dice.choice(EXTREME)
            case _:
                value[key] = dice.choice(EXTREME)
        return


def archive_of(folder: Path, kind: str, version: int) -> Mutate:
    """Mutations of an archive's header and arrays, its digest right."""

    def mutate(dice: random.Random, content: bytes) -> bytes:
        file = folder / "mutated.npz"
        file.write_bytes(content)
        arrays = read_arrays(file)
        header = json.loads(arrays.pop("header").tobytes())
        for key in ("format", "version", "digest"):
            header.pop(key)
        if dice.random() < 0.5:
            spoil(dice, header)
        else:
            name = dice.choice(sorted(arrays))
            array = arrays[name]
            choices: list[Callable[[], Any]] = [
                lambda: array[:-1] if array.ndim else array[None],
                lambda: array[None],
                lambda: array.astype(np.float32) * np.nan,
                lambda: array.astype(np.int64) - 2**40,
                lambda: array.astype(np.uint8),
                lambda: np.zeros((0,) * array.ndim, array.dtype),
                lambda: np.concatenate([array, array]) if array.ndim else array,
                lambda: array.reshape(-1)[:3],
            ]
            arrays[name] = dice.choice(choices)()
            if dice.random() < 0.2:
                del arrays[name]
        try:
            write_archive(file, kind, version, header, arrays)
        except (ValueError, TypeError):  # NaN and the like, which no archive holds
            return content
        return file.read_bytes()

    return mutate


def structure_of(folder: Path) -> Mutate:
    """Mutations of a graph's nodes and metadata, its digest right."""

    def mutate(dice: random.Random, content: bytes) -> bytes:
        file = folder / "mutated.spk"
        file.write_bytes(content)
        header, tensors = read_safetensors(file, "synaptile-graph", 1)
        structure = json.loads(header["graph"])
        spoil(dice, structure["nodes"] if dice.random() < 0.7 else structure)
        header["graph"], header["graph_digest"] = json.dumps(structure), digest_of(structure, tensors)
        write_tensors(file, {name: np.array(tensor) for name, tensor in tensors.items()}, header)
        return file.read_bytes()

    return mutate


if __name__ == "__main__":
    sys.exit(main())
