"""Accumulating 16 to 128 outputs in vector registers over a run of spikes, see `plain.add_exact`.

The outputs stay in registers: a spike costs a load and a multiply-add per register, one load of its value and a quarter of one of
its row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import machine
from synaptile.simulator.kernels.machine import EVENTS_AT_ONCE, LANES, PANEL
from synaptile.simulator.kernels.vector.emit import INDEX, call, constant, emitted, lanes_of, load, offset, splat, store

Step = Callable[[Any, Any, list[Any]], list[Any]]
"""What one spike does: the spike's value, the pointer to its row and the totals give the new totals."""


class _Flavour(NamedTuple):
    """How runs differ in arithmetic.

    `fused` multiplies and adds with one rounding where the machine has such an instruction, else with two. `whole` sums from
    zero and adds the sum, a whole number in a float, to an int32 output; else the sum goes on from the output, or from zero where
    it is fresh, and returns to it.
    """

    fused: bool
    whole: bool


def _make_add(flavour: _Flavour) -> Any:
    """A function for kernels, of float32 or float64 matrices."""

    @emitted(types.void)
    def add(builder: Any, matrix: Any, spikes: Any, first: Any, last: Any, out: Any, at: Any, width: Any, fresh: Any) -> None:
        """As `plain.add_exact` or `plain.add_whole`, one loop for each width."""
        done = builder.append_basic_block("run_done")
        choice = builder.switch(width, done)
        for wide in range(LANES, PANEL + 1, LANES):
            choice.add_case(constant(INDEX, wide), case := builder.append_basic_block(f"run_{wide}"))
            builder.position_at_end(case)
            vector = lanes_of(matrix.type.pointee)
            places = [offset(builder, at, k) for k in range(0, wide, vector.count)]
            held = ir.VectorType(out.type.pointee, vector.count)
            totals = [constant(vector, 0.0)] * len(places)
            if not flavour.whole:
                totals = [builder.select(fresh, totals[0], load(builder, out, place, vector)) for place in places]
            step = _multiply_add(builder, flavour)
            totals = _emit_loop(builder, (matrix, *spikes), (first, last), totals, wide, step)
            for place, total in zip(places, totals, strict=True):
                if flavour.whole:
                    total = builder.add(load(builder, out, place, held), builder.fptosi(total, held))
                store(builder, total, out, place)
            builder.branch(done)
        builder.position_at_end(done)

    return add


def _multiply_add(builder: Any, flavour: _Flavour) -> Step:
    def step(spike: Any, start: Any, totals: list[Any]) -> list[Any]:
        vector = totals[0].type
        value, updated = splat(builder, spike, vector.count), []
        for k, total in enumerate(totals):
            weights = load(builder, start, constant(INDEX, k * vector.count), vector)
            if flavour.fused and machine.HAS_FMA:
                name = f"llvm.fma.v{vector.count}f{512 // vector.count}"
                updated.append(call(builder, name, vector, value, weights, total))
            else:
                updated.append(builder.fadd(total, builder.fmul(value, weights)))
        return updated

    return step


def rows_of_four(builder: Any, rows: Any, event: Any) -> list[Any]:
    """The rows of four spikes from `event` on, loaded as one word; rows: pointer to uint16."""
    word = builder.load(builder.bitcast(builder.gep(rows, [event]), INDEX.as_pointer()), align=2)
    places = range(EVENTS_AT_ONCE) if machine.LITTLE_ENDIAN else reversed(range(EVENTS_AT_ONCE))
    return [builder.and_(builder.lshr(word, constant(INDEX, 16 * place)), constant(INDEX, 0xFFFF)) for place in places]


def _emit_loop(
    builder: Any, arrays: tuple[Any, Any, Any], ends: tuple[Any, Any], begin: list[Any], width: int, step: Step
) -> list[Any]:
    """The loop over spikes, one phi per register; leaves the builder after it and returns the totals."""
    (matrix, rows, values), entry = arrays, builder.block
    head, body, done = (builder.append_basic_block(f"run_{width}_{part}") for part in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    event = builder.phi(INDEX)
    totals = [builder.phi(vector.type) for vector in begin]
    builder.cbranch(builder.icmp_signed("<", event, ends[1]), body, done)

    builder.position_at_end(body)
    updated = totals
    for place, row in enumerate(rows_of_four(builder, rows, event)):
        spike = builder.load(builder.gep(values, [offset(builder, event, place)]))
        start = builder.gep(matrix, [builder.mul(row, constant(INDEX, width))])
        updated = step(spike, start, updated)
    following = _opaque(builder, offset(builder, event, EVENTS_AT_ONCE))
    builder.branch(head)
    event.add_incoming(ends[0], entry)
    event.add_incoming(following, body)
    for total, before, after in zip(totals, begin, updated, strict=True):
        total.add_incoming(before, entry)
        total.add_incoming(after, body)
    builder.position_at_end(done)
    return totals


def _opaque(builder: Any, number: Any) -> Any:
    """The same number, unknown to the compiler, which would unroll the loop and pay for the spikes left over."""
    nothing = ir.InlineAsm(ir.FunctionType(INDEX, [INDEX]), "", "=r,0", side_effect=False)
    return builder.call(nothing, [number])


add_fused, add_exact, add_whole = (_make_add(_Flavour(*how)) for how in ((True, False), (False, False), (True, True)))


@emitted(types.void)
def _add_lanes(builder: Any, sums: Any, at: Any, bias: Any, column: Any, out: Any, to: Any, first: Any, last: Any) -> None:
    """Sixteen outputs of `plain.add_partial`."""
    vector = ir.VectorType(sums.type.pointee, LANES)
    zero = constant(vector, 0.0)
    before = builder.select(first, zero, load(builder, out, to, vector))
    shift = builder.select(last, load(builder, bias, column, vector), zero)
    store(builder, builder.fadd(builder.fadd(before, load(builder, sums, at, vector)), shift), out, to)


@uncounted
def add_partial(sums: Any, at: int, bias: Any, column: int, out: Any, to: int, count: int, ends: Any) -> None:
    """As `plain.add_partial`."""
    first, last = ends
    for c in range(0, count // LANES * LANES, LANES):
        _add_lanes(sums, at + c, bias, column + c, out, to + c, first, last)
    for c in range(count // LANES * LANES, count):
        before = out.dtype.type(0) if first else out[to + c]
        out[to + c] = before + sums[at + c] + (bias[column + c] if last else out.dtype.type(0))
