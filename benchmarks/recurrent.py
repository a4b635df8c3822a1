"""Recurrent networks against the library that wrote them: ``python -m benchmarks.recurrent``.

snnTorch's recurrent layers (RLeaky, all to all; reset to zero within the step) are run by snnTorch in its float32, written to NIR
by its own exporter, read, mapped to Loihi and executed event by event. Needs `snntorch` and `nirtorch` beside the extras
`convert` and `nir`: ``pip install snntorch nirtorch``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synaptile.conversion.nir import from_nir
from synaptile.energy import price
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule

STEPS, SAMPLES = 50, 4


def network(inputs: int, hidden: int, classes: int) -> Any:
    """Linear, a recurrent layer that reads itself through all weights, Linear, Leaky."""
    import snntorch

    alike = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
    layer = snntorch.RLeaky(
        beta=torch.full((hidden,), 0.9), threshold=torch.full((hidden,), 0.5), all_to_all=True, linear_features=hidden, **alike
    )
    last = snntorch.Leaky(beta=torch.full((classes,), 0.8), threshold=torch.full((classes,), 0.3), output=True, **alike)
    return torch.nn.Sequential(torch.nn.Linear(inputs, hidden), layer, torch.nn.Linear(hidden, classes), last)


def own_run(model: Any, spikes: Array) -> dict[str, Array]:
    """Spikes of both layers by snnTorch, (steps, samples, neurons) each."""
    model[1].reset_mem()
    model[3].reset_mem()
    hidden, out = [], []
    with torch.no_grad():
        for step in torch.from_numpy(spikes):
            hidden.append(model[1](model[0](step)))
            out.append(model[3](model[2](hidden[-1]))[0])
    return {"1.lif": torch.stack(hidden).numpy(), "3": torch.stack(out).numpy()}


def our_run(model: Any, spikes: Array) -> Activity:
    """The exporter's file on Loihi."""
    import nir
    from snntorch.export_nir import export_to_nir

    model[1].reset_mem()
    model[3].reset_mem()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.nir"
        nir.write(path, export_to_nir(model, torch.from_numpy(spikes[0, :1]), ignore_dims=[0]))
        graph = from_nir(path)
    return execute(map_graph(graph, load_chip("loihi"), anneal_moves=0), spikes, len(spikes), "float32", keep_spikes=SAMPLES)


def differing(activity: Activity, theirs: dict[str, Array]) -> tuple[int, int, int]:
    """Entries compared, those that differ, and spikes of theirs."""
    entries = different = fired = 0
    for site, values in theirs.items():
        width = activity.program.graph.nodes[site].width
        ours = activity.spikes[site].fired(width, slice(SAMPLES)).reshape(values.shape)
        entries, different, fired = entries + values.size, different + int((ours != values).sum()), fired + int(values.sum())
    return entries, different, fired


def main() -> None:
    """Print a line per network."""
    print("| layers | entries | differ | spikes | accumulates | us per step on Loihi | pJ per sample and step, rung executed |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for sizes in ((40, 60, 10), (200, 128, 12), (700, 256, 20)):
        torch.manual_seed(sum(sizes))
        model = network(*sizes)
        spikes = (np.random.default_rng(0).random((STEPS, SAMPLES, sizes[0])) < 0.1).astype(np.float32)
        theirs, activity = own_run(model, spikes), our_run(model, spikes)
        entries, different, fired = differing(activity, theirs)
        timeline = schedule(activity)
        report = price(activity, activity.program.chip, timeline=timeline)
        us = timeline.makespan_cycles / activity.program.chip.clock_mhz / STEPS
        energy_pj = sum(line.energy_pj or 0.0 for line in report.lines()) / STEPS
        row = (f"{'-'.join(map(str, sizes))}", f"{entries:,}", f"{different:,}", f"{fired:,}")
        print("| " + " | ".join([*row, f"{activity.accounting.eq30.sum():,}", f"{us:.2f}", f"{energy_pj:,.0f}"]) + " |")


if __name__ == "__main__":
    main()
