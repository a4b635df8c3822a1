"""Files of strangers by the thousand: every reader ends in an error of ours or a value, within time and memory.

    python -m scripts.fuzz [--count 1000] [--seed 0] [--only NAME]

Each reader is given `count` mutations of a sound file: bytes flipped, cut, repeated and swapped, and for those with structure its
entries removed, retyped and made extreme, its digest made right again so that the content is what is looked at. Printed is how
many were tried and how each ended; the status is 1 where one ended otherwise, with the seed that makes it again.
`fuzz_readers.py` lists the readers, `fuzz_mutations.py` how files are mutated.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.fuzz_readers import Reader, readers
from synaptile.foundation.errors import SynaptileError

SECONDS, GIBIBYTES = 60, 8


def main() -> int:
    """Fuzz all readers; 0 where every file ended as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="mutations per reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="these readers alone")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES << 30, GIBIBYTES << 30))
    with tempfile.TemporaryDirectory() as folder:
        rows, failures = [], []
        for reader in readers(Path(folder)):
            name = reader.name
            if asked.only and name not in asked.only:
                continue
            ended, failed, longest = fuzz(reader, asked.count, asked.seed)
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


def fuzz(reader: Reader, count: int, seed: int) -> tuple[Counter[str], list[str], float]:
    """How `count` mutations of a file ended, what ended otherwise, and the longest time of one, s."""
    name, file, read, mutate = reader
    sound, ended, failed, longest = file.read_bytes(), Counter[str](), [], 0.0
    read()  # the sound file has to be read
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


if __name__ == "__main__":
    sys.exit(main())
