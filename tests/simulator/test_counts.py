"""Do a run's counts follow from its spikes and the network's extents: both accountings, and every executed operation?"""

from __future__ import annotations

from collections import Counter
from math import ceil, log2

import numpy as np
import pytest

from synaptile.conversion.graph import MTNeurons, ProductUnit, SpikingGraph, Synapse
from synaptile.energy.conservation import check_activity
from synaptile.foundation.types import Array
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import OPS, Activity, execute, reference
from tests.graphs import vit_graph
from tests.simulator import twins
from tests.simulator.runs import CHIPS, execute_keeping_spikes, some_images

STEPS, IMAGES = 4, 2
T, W, H, M, C, N, PATCH_INPUTS = 5, 8, 2, 16, 3, 8, 48
"""Tokens, width, heads, hidden width, classes, thresholds a sign, pixels of a patch."""
Run = tuple[Activity, dict[str, Array]]


@pytest.fixture(scope="module", params=CHIPS)
def run(request: pytest.FixtureRequest) -> Run:
    graph = vit_graph(1, T, W, H, M, C, n=N, dtype=np.float64)
    program = map_graph(graph, CHIPS[request.param](), anneal_moves=50)
    return execute_keeping_spikes(program, some_images(graph, IMAGES), STEPS, "float64", images_at_once=1)


def operands(node: ProductUnit, spikes: dict[str, Array], image: int) -> list[tuple[Array, Array]]:
    """Per head, operands of every step: (steps, rows, d) and (steps, d, columns)."""
    a, b = (spikes[port.node][:, image] for port in node.inputs)
    b = b.reshape(STEPS, node.keys, node.heads, node.head_width)
    if node.form == "sv":
        return [(a[:, h], b[:, :, h]) for h in range(node.heads)]
    a = a.reshape(STEPS, node.tokens, node.heads, node.head_width)
    return [(a[:, :, h], b[:, :, h].transpose(0, 2, 1)) for h in range(node.heads)]


def test_both_accountings_follow_from_the_spikes(run: Run) -> None:
    activity, spikes = run
    graph, accounting = activity.program.graph, activity.accounting
    assert accounting.nodes == tuple(graph.ann_macs)
    for i, name in enumerate(accounting.nodes):
        node = graph.nodes[name]
        for image in range(IMAGES):
            if isinstance(node, Synapse):
                fired = [np.count_nonzero(step) for step in spikes[node.inputs[0].node][:, image]]
                eq30 = released = [count * node.width for count in fired]
            else:
                assert isinstance(node, ProductUnit)
                heads = [twins.product_pairs(a, b) for a, b in operands(node, spikes, image)]
                eq30, released = (np.sum([head[k] for head in heads], axis=0).tolist() for k in (0, 1))
                assert released[0] == 3 * eq30[0]
            assert accounting.eq30[i, :, image].tolist() == eq30
            assert accounting.released[i, :, image].tolist() == released


def test_the_reference_counts_the_same(run: Run) -> None:
    activity, _ = run
    graph = activity.program.graph
    expected = reference(graph, some_images(graph, IMAGES), STEPS)
    for i, name in enumerate(activity.accounting.nodes):
        np.testing.assert_array_equal(activity.accounting.eq30[i], expected.eq30[name])
        np.testing.assert_array_equal(activity.accounting.released[i], expected.released[name])


def test_a_real_valued_head_is_billed_by_the_published_code_alone() -> None:
    graph = vit_graph(1, T, W, H, M, C, dense_head=True)
    program = map_graph(graph, CHIPS["roomy"]())
    activity = execute(program, some_images(graph, IMAGES), STEPS)
    head = activity.accounting.nodes.index("head")
    assert not activity.accounting.eq30[head].any()
    assert (activity.accounting.released[head] == W * C).all(), "every channel of a LayerNorm is non-zero"
    assert counted(activity)["dense head", "mac"] == [W * C * IMAGES] * STEPS
    expected = reference(graph, some_images(graph, IMAGES), STEPS, "float32")
    assert not expected.eq30["head"].any() and (expected.released["head"] == W * C).all()


def counted(activity: Activity) -> dict[tuple[str, str], list[int]]:
    """Operations over all cores and nodes, by role and operation."""
    table = activity.operations
    totals: dict[tuple[str, str], Array] = {}
    for role, op, count in zip(table.role, table.op, table.count, strict=True):
        key = (table.roles[role], OPS[op])
        totals[key] = totals.get(key, np.zeros(activity.steps, np.int64)) + count
    return {key: count.tolist() for key, count in totals.items()}


def expected_operations(chip: str, spikes: dict[str, Array], t: int) -> Counter[tuple[str, str]]:
    """Every operation of step t over all images, from the extents of one encoder block and the spikes of each site."""
    block, d = "blocks.0.", W // H
    fired = {site.removeprefix(block): int(np.count_nonzero(values[t - 1])) for site, values in spikes.items()}
    outputs = T * (3 * W + W + M + W) + C
    products = H * T * T + T * W
    units = 3 * T * W + H * T * T + T * M  # three LayerNorms, softmax, GELU
    neurons = 6 * T * W + H * T * T + T * M + W  # qkv.in, q, k, v, proj.in, fc1.in; softmax; fc2.in; head.in
    norms, rows, maps, hidden = 3 * T * W, 3 * T, H * T * T, T * M
    fixed = {
        ("bias", "add"): outputs,
        ("integrate", "add"): neurons,
        ("threshold compare", "compare"): neurons * (1 + ceil(log2(N + 1))),
        ("EC accumulate", "add"): units,
        ("mean", "mul"): units,
        ("expectation", "mul"): units + 2 * products,
        ("expectation", "add"): units + products,
        ("S_K accumulate", "add"): 2 * products,
        ("residual add", "add"): 3 * T * W,  # position embedding and two residuals
        ("read-out", "add"): C,
        ("read-out", "mul"): C,
        ("function", "add"): 2 * norms + 2 * maps + hidden,
        ("function", "mac"): 2 * norms + rows,
        ("function", "mul"): norms + rows + 2 * maps + 3 * hidden,  # softmax: normalise, attention scale
        ("function", "rsqrt"): rows,
        ("function", "compare"): maps,
        ("function", "exp"): maps,
        ("function", "div"): H * T,
        ("function", "erf"): hidden,
    }
    combined = (outputs if chip != "replicating" else 0) + products * (1 if t == 1 else 2)
    fixed |= {("theta combine", "mul"): combined, ("theta combine", "mac"): combined}
    if chip == "splitting":  # five axons a core; two accumulators an output on a core that shifts
        pieces = {W: ceil(W / 5), M: ceil(M / 5)}
        fixed["partial sums", "add"] = 2 * ((pieces[W] - 1) * (T * (4 * W + M) + C) + (pieces[M] - 1) * T * W)
    if t == 1:
        fixed["front end", "mac"] = (T - 1) * W * PATCH_INPUTS
        fixed["bias", "add"] += (T - 1) * W
    by_spikes = {
        ("synapse rows", "ac"): fired["attn.qkv.in"] * 3 * W
        + fired["attn.proj.in"] * W
        + fired["mlp.fc1.in"] * M
        + fired["mlp.fc2.in"] * W
        + fired["head.in"] * C,
        ("soft reset", "add"): sum(fired.values()),
        ("A(t) S_B(t)", "ac"): fired["attn.q"] * T + fired["attn.softmax.out"] * d,
        ("S_A(t-1) B(t)", "ac"): (fired["attn.k"] * T + fired["attn.v"] * T) if t > 1 else 0,
        ("operand sums", "add"): sum(fired[f"attn.{operand}"] for operand in ("q", "k", "v", "softmax.out")),
    }
    return Counter({key: count * IMAGES for key, count in fixed.items()}) + Counter(by_spikes)


def test_every_operation_of_a_small_network(run: Run, request: pytest.FixtureRequest) -> None:
    activity, spikes = run
    chip = request.node.callspec.params["run"]
    found = counted(activity)
    for t in range(1, STEPS + 1):
        expected = expected_operations(chip, spikes, t)
        assert {key: steps[t - 1] for key, steps in found.items() if steps[t - 1]} == dict(expected), f"step {t}"


def test_each_core_is_billed_for_its_own_part_of_the_spikes(run: Run) -> None:
    activity, spikes = run
    program, table = activity.program, activity.operations
    found: dict[tuple[int, int, str], Array] = {}
    for core, node, role, count in zip(table.core, table.node, table.role, table.count, strict=True):
        if table.roles[role] in ("synapse rows", "soft reset", "A(t) S_B(t)", "S_A(t-1) B(t)"):
            found[int(core), int(node), table.roles[role]] = count
    expected: dict[tuple[int, int, str], Array] = {}
    for part in range(len(program.parts.node)):
        for role, count in spikes_of_part(program, part, spikes).items():
            key = (int(program.parts.core[part]), int(program.parts.node[part]), role)
            expected[key] = expected.get(key, np.zeros(STEPS, np.int64)) + count
    assert {key for key, count in expected.items() if count.any()} == set(found)
    for key, count in found.items():
        np.testing.assert_array_equal(count, expected[key])


def spikes_of_part(program: CoreProgram, part: int, spikes: dict[str, Array]) -> dict[str, Array]:
    """Operations that depend on spikes, (steps,) over all images, by role."""
    p, node = program.parts, program.graph.nodes[program.node_names[int(program.parts.node[part])]]
    tokens, outputs, rows = (
        slice(int(start[part]), int(stop[part]))
        for start, stop in ((p.token_start, p.token_stop), (p.out_start, p.out_stop), (p.in_start, p.in_stop))
    )

    def fired(values: Array) -> Array:
        return np.asarray(np.count_nonzero(values.reshape(STEPS, -1), axis=1))

    if isinstance(node, MTNeurons):
        own = spikes[node.name]
        return {"soft reset": fired(own[:, :, outputs, tokens] if node.is_map else own[:, :, tokens, outputs])}
    if isinstance(node, Synapse):
        return {"synapse rows": fired(spikes[node.inputs[0].node][:, :, tokens, rows]) * (outputs.stop - outputs.start)}
    if not isinstance(node, ProductUnit):
        return {}
    a, b = (spikes[port.node] for port in node.inputs)
    if node.form == "qk":
        channels = slice(outputs.start * node.head_width, outputs.stop * node.head_width)
        first = fired(a[:, :, tokens, channels]) * node.keys
    else:
        channels = outputs
        first = fired(a[:, :, outputs.start // node.head_width : outputs.stop // node.head_width, tokens]) * node.head_width
    second = fired(b[:, :, :, channels]) * (tokens.stop - tokens.start)
    second[0] = 0
    return {"A(t) S_B(t)": first, "S_A(t-1) B(t)": second}


def test_a_run_passes_the_checks_of_pricing(run: Run) -> None:
    check_activity(run[0])


def test_counts_are_64_bit_integers(run: Run) -> None:
    activity, _ = run
    assert activity.operations.count.dtype == activity.accounting.eq30.dtype == activity.accounting.released.dtype == np.int64


def test_silence_costs_only_what_every_step_costs() -> None:
    """A network whose thresholds no value reaches issues no accumulate, and still pays for its neurons and units."""
    from synaptile.conversion.thresholds import with_thresholds

    graph: SpikingGraph = vit_graph(1, T, W, H, M, C)
    quiet = with_thresholds(graph, {site.name: (1e6, 1e6, N) for site in graph.sites})
    activity = execute(map_graph(quiet, CHIPS["roomy"]()), some_images(quiet, 1), 2)
    found = counted(activity)
    assert not {role for role, op in found if op == "ac"} and not activity.accounting.released.any()
    assert found["integrate", "add"] == [6 * T * W + H * T * T + T * M + W] * 2
