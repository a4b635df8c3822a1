# mypy: ignore-errors
# ruff: noqa: D101, D102, N803, N805, ANN
"""Packets through the mesh of pymtl3-net 0.9 (Tan, Ou et al., ICCD 2019; pip install pymtl3-net): RTL, simulated flit by flit.

Its routers have five inputs with a queue each, round-robin switches and XY routes. Its multi-flit router does not elaborate with
the queues of the same release, so longer packets go through its single-flit router with a switch around its GrantHoldArbiter.
"""

from importlib import import_module
from typing import Any

import numpy as np
from pymtl3 import (
    Bits1,
    Bits8,
    Bits16,
    Component,
    Wire,
    bitstruct,
    clog2,
    update,
    update_ff,
)
from pymtl3.passes.mamba.Mamba2020Pass import Mamba2020Pass
from pymtl3.passes.sim.GenDAGPass import GenDAGPass
from pymtl3.passes.sim.WrapGreenletPass import WrapGreenletPass
from pymtl3.stdlib.basic_rtl import Encoder, Mux
from pymtl3.stdlib.stream.ifcs import RecvIfcRTL, SendIfcRTL
from pymtl3.stdlib.stream.queues import NormalQueueRTL
from pymtl3_net.meshnet.DORXMeshRouteUnitRTL import DORXMeshRouteUnitRTL
from pymtl3_net.meshnet.MeshRouterRTL import MeshRouterRTL
from pymtl3_net.ocnlib.rtl import GrantHoldArbiter
from pymtl3_net.router.InputUnitRTL import InputUnitRTL

mesh = import_module("pymtl3_net.meshnet.MeshNetworkRTL")  # its package hides the module behind the class


@bitstruct
class Flit:
    dst_x: Bits8
    dst_y: Bits8
    more: Bits8
    payload: Bits16


@bitstruct
class Position:
    pos_x: Bits8
    pos_y: Bits8


class HoldingSwitch(Component):
    """A switch that stays with an input until the last flit of its packet has passed."""

    def construct(s, PacketType, num_inports=5):
        s.recv = [RecvIfcRTL(PacketType) for _ in range(num_inports)]
        s.send = SendIfcRTL(PacketType)
        s.held = Wire(Bits1)
        s.moves = Wire(Bits1)
        s.arbiter = GrantHoldArbiter(num_inports)
        s.arbiter.hold //= s.held
        s.mux = Mux(PacketType, num_inports)
        s.mux.out //= s.send.msg
        s.encoder = Encoder(num_inports, clog2(num_inports))
        s.encoder.in_ //= s.arbiter.grants
        s.encoder.out //= s.mux.sel
        for i in range(num_inports):
            s.recv[i].val //= s.arbiter.reqs[i]
            s.recv[i].msg //= s.mux.in_[i]

        @update
        def up_val():
            s.send.val @= (s.arbiter.grants & s.arbiter.reqs) > 0

        @update
        def up_moves():
            s.moves @= s.send.val & s.send.rdy

        @update
        def up_en():
            s.arbiter.en @= s.moves & ~s.held

        @update
        def up_rdy():
            for i in range(num_inports):
                s.recv[i].rdy @= s.send.rdy & (s.mux.sel == i) & (s.arbiter.grants > 0)

        @update_ff
        def up_held():
            if s.reset:
                s.held <<= 0
            elif s.moves:
                s.held <<= s.send.msg.more > 0


class PymtlMesh:
    """A square mesh, elaborated once. `hold`: switches stay with a packet of several flits."""

    def __init__(self, width: int, queue_flits: int, *, hold: bool) -> None:
        self.width = width

        class Input(InputUnitRTL):
            def construct(s, PacketType):
                super().construct(PacketType, lambda kind: NormalQueueRTL(kind, queue_flits))

        class Router(MeshRouterRTL):
            def construct(s, PacketType, PositionType):
                switch = {"SwitchUnitType": HoldingSwitch} if hold else {}
                super().construct(PacketType, PositionType, InputUnitType=Input, RouteUnitType=DORXMeshRouteUnitRTL, **switch)

        before, mesh.MeshRouterRTL = mesh.MeshRouterRTL, Router
        try:
            self.net = mesh.MeshNetworkRTL(Flit, Position, width, width, 0)
            self.net.elaborate()
        finally:
            mesh.MeshRouterRTL = before
        # Blocks are joined into a few long functions: 1.5 times faster than one call each, as DefaultPassGroup makes.
        for step in (GenDAGPass(), WrapGreenletPass(), Mamba2020Pass(print_line_trace=False)):
            self.net.apply(step)
        schedule = self.net._sched
        self.settle = schedule.update_schedule
        self.clock = [*schedule.schedule_ff, *schedule.schedule_posedge_flip]

    def deliver(self, packets: np.ndarray) -> np.ndarray:
        """The cycle after which each packet was out, shape (packets,). packets: rows of source, destination, flits, time."""
        self.net.sim_reset()
        return self._drive(self.net, self.width, packets)

    def _drive(self, net: Any, width: int, packets: np.ndarray) -> np.ndarray:
        # sim_tick evaluates all blocks before and after the edge, sim_eval_combinational once more: once per cycle is enough.
        tiles = range(width * width)
        waiting = [[at for at, row in enumerate(packets) if row[0] == tile] for tile in tiles]
        sent, at = [0] * len(tiles), [0] * len(tiles)
        delivered, left, now = np.zeros(len(packets), np.int64), len(packets), 0
        for tile in tiles:
            net.send[tile].rdy @= 1
        inside = 0  # packets that have begun to enter
        while left:
            due = [packets[waiting[tile][at[tile]]][3] for tile in tiles if at[tile] < len(waiting[tile])]
            if not inside and min(due) > now:
                now = int(min(due))  # an empty network stays as it is: nothing is asked for, no register is enabled
            offered = []
            for tile in tiles:
                packet = waiting[tile][at[tile]] if at[tile] < len(waiting[tile]) else -1
                val = packet >= 0 and packets[packet][3] <= now
                net.recv[tile].val @= int(val)
                if val:
                    _, goal, flits, _ = (int(value) for value in packets[packet])
                    net.recv[tile].msg @= Flit(goal % width, goal // width, flits - 1 - sent[tile], packet)
                    offered.append((tile, flits))
            for block in self.settle:
                block()
            for tile, flits in offered:
                if net.recv[tile].rdy:
                    inside += sent[tile] == 0
                    sent[tile] += 1
                    if sent[tile] == flits:
                        sent[tile], at[tile] = 0, at[tile] + 1
            for tile in tiles:
                if net.send[tile].val and int(net.send[tile].msg.more) == 0:
                    delivered[int(net.send[tile].msg.payload)] = now + 1
                    left, inside = left - 1, inside - 1
            for block in self.clock:
                block()
            now += 1
        return delivered
