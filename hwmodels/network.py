"""Figures of the network that contradict one another: what could lock up, or says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from synaptile.foundation.documents import Problem
from synaptile.hwmodels.chip import Chip

LONGEST_QUEUE = 4096
"""Flits of a bounded queue: all of them are simulated."""


def network_contradictions(chip: Chip) -> Iterator[Problem]:
    """Pairs of where and what."""
    noc, mesh = chip.noc, chip.mesh
    if noc.topology == "torus" and min(mesh.width, mesh.height) < 3:
        side = "width" if mesh.width < 3 else "height"
        yield (
            ("mesh", side),
            f"is {getattr(mesh, side)}, a ring of a torus needs 3 routers: enlarge it, or write topology: mesh",
        )
    if noc.topology == "tree" and noc.hops is not None:
        yield ("noc", "hops"), "is given, but links of a tree have no direction: remove it, or write topology: mesh"
    if noc.messages == "spike" and noc.spike_format != "aer":
        text = f"is {noc.spike_format}, but each spike is a message (noc.messages): write aer, or token there"
        yield ("noc", "spike_format"), text
    if noc.flow_control == "unbounded":
        if noc.packet_flits is not None:
            yield ("noc", "packet_flits"), "is given, but flow_control is unbounded: remove it, or write cut_through"
        return
    if noc.input_queue_flits > LONGEST_QUEUE:
        text = f"is {noc.input_queue_flits:,}, and bounded queues have at most {LONGEST_QUEUE:,}: lower it, or write unbounded"
        yield ("noc", "input_queue_flits"), text
    if noc.flow_control == "wormhole":
        for key, wrong in (("multicast", noc.multicast), ("topology", noc.topology == "torus")):
            if wrong:
                what = "multicast branches" if key == "multicast" else "the rings of a torus"
                text = f"is wormhole, and {what} lock up where a packet is longer than a queue: write cut_through"
                yield ("noc", "flow_control"), text
        return
    packets = 2 if noc.topology == "torus" else 1
    if noc.topology == "torus" and noc.packet_flits is None:
        yield ("noc", "packet_flits"), "is missing: in a torus, queues have room for two packets, so their length has to be known"
    elif noc.packet_flits is not None and packets * noc.packet_flits > noc.input_queue_flits:
        rule = "two packets (a torus keeps one free in each ring)" if packets == 2 else "a whole packet"
        text = (
            f"is {noc.packet_flits}, and cut_through needs room for {rule}, noc.input_queue_flits is {noc.input_queue_flits}: "
            f"shorten packets to {max(noc.input_queue_flits // packets, 1)} or raise noc.input_queue_flits"
        )
        yield ("noc", "packet_flits"), text
