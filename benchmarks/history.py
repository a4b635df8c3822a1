"""A history of speed: a small JSON per commit, and ``python -m benchmarks.history``, which draws them for the docs.

What is kept is relative to something that was timed in the same run (sgemm, an ANN pass in PyTorch, what the first-level cache
loads), so that machines and days can be compared; which processor it was is kept beside it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numba
import torch
from numba.core.registry import cpu_target

from benchmarks.measure import Figures

FOLDER = Path(__file__).parent / "history"
FIGURE = Path(__file__).parents[1] / "docs/figures/speed_history.png"
PANELS = {
    "ViT-S/16, T = 4, in ANN passes (less is better)": "ANN passes",
    "Time per accumulate against ECMT (less is better)": "x ECMT",
    "Whole runs against a dense SNN in PyTorch (more is better)": "x dense SNN",
    "Accumulates at 47 % as a share of first-level loads (more is better)": " at 47%, of L1 loads",
}
"""Titles of the figure, and how names of figures end that each shows."""


def write(figures: Figures, folder: Path = FOLDER) -> Path:
    """Keep figures under the commit that is checked out, beside those kept there before; returns the file."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    path = folder / f"{commit}.json"
    before = json.loads(path.read_text())["figures"] if path.exists() else {}
    entry = {
        "commit": commit,
        "committed": _git("show", "-s", "--format=%cI", "HEAD"),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "changed_since": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "processor": f"{_processor()}, {numba.config.CPU_NAME or _llvm_name()}",  # type: ignore[attr-defined]
        "load": round(os.getloadavg()[0], 1),
        "versions": {"numba": numba.__version__, "torch": torch.__version__},
        "figures": {name: round(value, 3) for name, value in sorted((before | figures).items())},
    }
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps(entry, indent=1) + "\n")
    return path


def read(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Every entry, oldest commit first."""
    return sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda entry: entry["committed"])


def draw(entries: list[dict[str, Any]], path: Path = FIGURE) -> None:
    """A panel for each kind of figure, commits from left to right."""
    measured = {name for entry in entries for name in entry["figures"]}
    shown = {title: sorted(name for name in measured if name.endswith(ending)) for title, ending in PANELS.items()}
    shown = {title: names for title, names in shown.items() if names}
    figure, grid = plt.subplots(len(shown), 1, figsize=(9, 3 * len(shown)), layout="constrained", squeeze=False)
    labels = [
        "\n".join((entry["commit"][:7], entry["committed"][:16].replace("T", " "), entry["processor"])) for entry in entries
    ]
    for panel, (title, names) in zip(grid[:, 0], shown.items(), strict=True):
        for name in names:
            values = {at: entry["figures"][name] for at, entry in enumerate(entries) if name in entry["figures"]}
            label = name.removesuffix(PANELS[title]).rstrip(", ").replace("1 thread(s)", "1 thread").replace("(s)", "s")
            panel.plot(list(values), list(values.values()), marker="o", label=label)
        panel.set_title(title, fontsize=10, loc="left")
        panel.set_xticks(range(len(entries)), labels, fontsize=8)
        panel.set(xlim=(-0.5, len(entries) - 0.5), ylim=(0, None))
        panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    """What the system calls its processor."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _llvm_name() -> str:
    """What LLVM calls it."""
    return str(cpu_target.target_context.codegen().magic_tuple()[1])


if __name__ == "__main__":
    draw(read())
