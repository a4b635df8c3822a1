"""Our network by itself against the RTL of pymtl3-net: latencies of packets under load, queues of four flits, wormhole.

``python -m benchmarks.mesh`` prints the table and writes ``mesh.json`` beside it: figures of pymtl3-net that the tests read where
it is not installed. One cycle per hop; a flit enters its router's queue in one cycle and leaves the network in one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from synaptile.foundation.types import Int64
from synaptile.hwmodels import load_chip
from synaptile.simulator.schedule.network import send_packets

QUEUE_FLITS = 4
LOADS = (0.02, 0.1, 0.25)
"""Flits per core and cycle; of the pattern that all send to one core, divided by half the number of cores."""

ALONE = "one at a time"
"""The pattern of zero load: every packet finds the network empty."""

RECORDED = Path(__file__).with_name("mesh.json")


class Pattern(NamedTuple):
    """One row of the table."""

    name: str
    width: int
    flits: int
    load: float

    @property
    def number(self) -> int:
        """Packets: 200 of a flit, 100 longer ones; 50 to one core, 20 alone, where the RTL takes most cycles per packet."""
        return {"N to 1": 50, ALONE: 20}.get(self.name, 200 if self.flits == 1 else 100)

    def packets(self) -> Int64:
        """Rows of source, destination, flits, time: the same ones every time."""
        rng, tiles, count = np.random.default_rng(5), self.width**2, self.number
        source = rng.integers(0, tiles, count)
        elsewhere, hot = rng.integers(0, tiles, count), tiles // 2 + self.width // 2
        destination = {
            "random": elsewhere,
            ALONE: elsewhere,
            "transpose": source % self.width * self.width + source // self.width,
            "hot spot": np.where(rng.random(count) < 0.2, hot, elsewhere),
            "N to 1": np.full(count, self.width + 1),
        }[self.name]
        if self.name == ALONE:
            return np.stack([source, destination, np.full(count, self.flits), 100 * np.arange(count)], 1)
        load = self.load * (2 / tiles if self.name == "N to 1" else 1)
        times = np.sort(rng.integers(0, int(count * self.flits / load / tiles) + 1, count))
        return np.stack([source, destination, np.full(count, self.flits), times], 1)

    @property
    def key(self) -> str:
        """What the file calls the row."""
        return f"{self.name}, {self.width} x {self.width}, {self.flits} flits, {self.load:g}"


def patterns() -> Iterator[Pattern]:
    """All rows, those of one network together."""
    for width in (4, 8):
        for flits in (1, 4):
            yield Pattern(ALONE, width, flits, 0.0)
            for name in ("random", "transpose", "hot spot", "N to 1"):
                yield from (Pattern(name, width, flits, load) for load in LOADS)


def ours(pattern: Pattern, packets: Int64) -> Int64:
    """Cycle after which each packet is out."""
    chip = load_chip("loihi")
    noc = replace(
        chip.noc,
        cycles_per_hop=1,
        link_flits_per_cycle=1.0,
        multicast=False,
        flow_control="wormhole",
        input_queue_flits=QUEUE_FLITS,
    )
    chip = replace(chip, noc=noc, mesh=replace(chip.mesh, width=pattern.width, height=pattern.width))
    return send_packets(chip, *packets.T).delivered_cycles


def main() -> None:
    """Print the table, record the figures of pymtl3-net; ``python -m benchmarks.mesh WIDTH [FLITS [NAME]]`` does some rows."""
    from benchmarks.pymtl_mesh import PymtlMesh

    chosen = tuple(sys.argv[1:])
    built: tuple[tuple[int, bool], PymtlMesh] | None = None
    print("| pattern | pymtl3-net, mean latency | ours | difference | packets that differ |\n|---|---:|---:|---:|---:|")
    for pattern in patterns():
        if chosen != (str(pattern.width), str(pattern.flits), pattern.name)[: len(chosen)]:
            continue
        shape = (pattern.width, pattern.flits > 1)
        if built is None or built[0] != shape:
            built = shape, PymtlMesh(pattern.width, QUEUE_FLITS, hold=shape[1])
        packets = pattern.packets()
        theirs, mine = built[1].deliver(packets), ours(pattern, packets)
        a, b = ((out - packets[:, 3]).mean() for out in (theirs, mine))
        differ = int((theirs != mine).sum())
        print(f"| {pattern.key} | {a:.2f} | {b:.2f} | {b / a - 1:+.2%} | {differ} of {len(packets)} |", flush=True)
        record(pattern, float(a))


def record(pattern: Pattern, latency: float) -> None:
    """Add a row to the recorded figures."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pymtl3-net", "pymtl3"))
    rows = recorded()
    rows[pattern.key] = round(latency, 4)
    document = {"source": f"{packages}: python -m benchmarks.mesh", "unit": "mean latency, cycles", "rows": rows}
    RECORDED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def recorded() -> dict[str, float]:
    """Mean latencies of pymtl3-net by row."""
    return dict(json.loads(RECORDED.read_text(encoding="utf-8"))["rows"]) if RECORDED.exists() else {}


if __name__ == "__main__":
    main()
