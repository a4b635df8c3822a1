"""synthesise: an Activity drawn from spike rates instead of executed, counted and checked as execution is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from synaptile.conversion.graph import (
    Convolution2d,
    Mask,
    Neurons,
    ProductUnit,
    Reduce,
    SpikeAttention,
    SpikingGraph,
    Synapse,
    TokenSource,
)
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator.activity import SYNTHETIC, Activity
from synaptile.simulator.arguments import kept_samples, positive_integer
from synaptile.simulator.event.build import Layout, make_layout
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.event.unit import Traffic
from synaptile.simulator.execute import provenance_of
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.memory import check_memory
from synaptile.simulator.number_format import check_numeric
from synaptile.simulator.settling import settled_steps
from synaptile.simulator.synthetic.draw import Codes, draw
from synaptile.simulator.synthetic.rates import ALIKE, Rates, checked_steps
from synaptile.simulator.synthetic.sources import RateSource, as_rates
from synaptile.simulator.synthetic.traffic import (
    attention_traffic,
    convolution_traffic,
    head_traffic,
    product_traffic,
    site_traffic,
    synapse_traffic,
)

_DENSE_HEAD = "no input of a real-valued head is zero (the accounting `released` counts those that are not)"


def synthesise(
    target: CoreProgram | SpikingGraph,
    steps: int,
    rates: RateSource,
    *,
    chip: Chip | None = None,
    images: int = 1,
    seed: int = 0,
    numeric: str = "float32",
    keep_spikes: int = 1,
    progress: Progress | None = None,
) -> Activity:
    """Draw an activity from spike rates: no weights, no images; everything that follows execution takes it.

    Spikes are drawn; all counts follow from them by the rules of execution, in the same ledger and under the same conservation
    checks. The result has no logits (no classes), and `Activity.synthetic` says where its rates come from.

    Args:
        target: a mapped program, or a graph to map to `chip` first. Neither needs arrays.
        steps: time steps, at least 1.
        rates: `Rates`; or a mean density for all sites; the path of a YAML file of rates; a recorded Activity, perhaps of a
            smaller model, whose rates are carried over by kind of site and relative depth; or a mapping of sites or patterns to
            rates.
        chip: for a graph: what to map it to.
        images: images to draw, each with spikes of its own; for a graph of text sentences, each of the greatest length.
        seed: seed of the drawing, 0 or more.
        numeric: number format that the run stands for; as in `execute`.
        keep_spikes: leading images of which every spike is kept, so that the activity can be scheduled on other chips.
        progress: called with (nodes done, nodes in all), counted over images.

    Raises InputError for arguments and rates that cannot be used, or too little memory; DoesNotFit.
    """
    number, steps = check_numeric(numeric), checked_steps(steps)
    images = positive_integer("images", images)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}, needs an integer from 0 to 2**63 - 1")
    keep_spikes = kept_samples(keep_spikes)
    program = _mapped(target, chip)
    chosen = as_rates(rates, program.graph, steps)
    check_memory(program.graph, number, steps, images, 1, keep_spikes)
    layout = make_layout(program, number)
    source = program.graph.source
    lengths = np.full(images, source.tokens, np.int64) if isinstance(source, TokenSource) else None  # sentences as long as fits
    recorder = Recorder(layout, steps, images, keep_spikes, lengths)
    for image in range(images):
        _draw_image(layout, chosen, recorder, image, seed, progress)
    operations, accounting, spikes = recorder.finish()
    return Activity(
        program,
        number,
        steps,
        images,
        np.zeros((steps, images, 0), layout.dtype),
        operations,
        accounting,
        spikes,
        {**provenance_of(program, None), SYNTHETIC: _told(program.graph, chosen, seed)},
        settled_steps(program.graph, spikes),
        recorder.convolutions,
        lengths,
        recorder.fetches,
    )


def _mapped(target: CoreProgram | SpikingGraph, chip: Chip | None) -> CoreProgram:
    if isinstance(target, CoreProgram):
        if chip is not None:
            raise InputError(f"the program is mapped to {target.chip.name} already: give its graph to map it to {chip.name}")
        return target
    if chip is None:
        raise InputError(f"graph {target.name!r} is not mapped: give the chip to map it to, chip=load_chip(...)")
    return map_graph(target, chip)


def _told(graph: SpikingGraph, rates: Rates, seed: int) -> dict[str, object]:
    """What provenance says of a synthetic activity."""
    neurons = np.array([site.size for site in graph.sites], np.float64)
    means = np.array([rates.sites[site.name].rate.mean() for site in graph.sites])
    heads = [_DENSE_HEAD] if any(not synapse.spiking for synapse in graph.of_type(Synapse)) else []
    return {
        "source": rates.source,
        "assumptions": [*rates.assumptions, ALIKE, *heads],
        "mean_density": float((means * neurons).sum() / neurons.sum()),
        "seed": seed,
    }


def _draw_image(layout: Layout, rates: Rates, recorder: Recorder, image: int, seed: int, progress: Progress | None) -> None:
    """Node by node through all steps, as execution goes; a site's spikes are held until all its readers have counted them."""
    graph = layout.program.graph
    number = {site.name: i for i, site in enumerate(graph.sites)}
    codes: dict[str, Codes] = {}
    events: dict[str, Events] = {}
    for done, node in enumerate(graph.nodes.values(), start=1):
        if isinstance(node, Neurons):
            codes[node.name] = np.stack(list(draw(node, rates.sites[node.name], (seed, image, number[node.name]))))
            events[node.name], traffic = site_traffic(layout, node, codes[node.name])
            recorder.record(node, traffic, events[node.name], image, 1)
        elif isinstance(node, Synapse | Convolution2d | ProductUnit):
            recorder.record(node, _traffic(layout, node, codes, events, recorder.steps), None, image, 1)
        elif isinstance(node, Mask | Reduce):
            recorder.record(node, Traffic(), None, image, 1)
        for name in codes.keys() & graph.read_last(node.name):
            del codes[name], events[name]
        if progress is not None:
            progress(image * len(graph.nodes) + done, recorder.images * len(graph.nodes))


def _traffic(
    layout: Layout,
    node: Synapse | Convolution2d | ProductUnit,
    codes: Mapping[str, Codes],
    events: Mapping[str, Events],
    steps: int,
) -> Traffic:
    """What a node did at every step."""
    if isinstance(node, SpikeAttention):
        return attention_traffic(node, *(codes[port.node] for port in node.inputs[:2]))
    if isinstance(node, ProductUnit):
        a, b = (codes[port.node] for port in node.inputs)
        return product_traffic(layout, node, a, b)
    if isinstance(node, Synapse) and not node.spiking:
        return head_traffic(node, steps)
    site = node.inputs[0].node
    if isinstance(node, Convolution2d):
        return convolution_traffic(layout, node, [codes[port.node] for port in node.inputs])
    return synapse_traffic(layout, node, events[site], steps)
