"""Bounded queues written again from docs/decisions/0021-network.md: lists of flits, room counted anew from what stands there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Flit:
    message: int
    number: int
    ready: int


@dataclass
class Front:
    """The packet at the front: its message, its flits first:stop, and how many each branch has."""

    message: int
    first: int
    stop: int
    branches: dict[int, int]


@dataclass
class NaiveNetwork:
    """`trees`: root link, and children of each link. `sinks` end at cores. `longest` 0: a message is one packet."""

    control: str
    room: int
    longest: int
    latency: list[int]
    ring: list[int]
    port: dict[Any, int]
    sinks: set[int]
    trees: list[tuple[int, dict[int, list[int]]]]
    pace: tuple[int, int] = (1, 1)
    queues: dict[Any, list[Flit]] = field(default_factory=lambda: defaultdict(list))
    fronts: dict[Any, Front] = field(default_factory=dict)
    holder: dict[int, Any] = field(default_factory=dict)
    turn: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    free: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    coming: dict[int, list[list[int]]] = field(default_factory=lambda: defaultdict(list))

    def run(self, messages: list[tuple[int, int, int]]) -> list[int]:
        """messages: tree, flits, time, in order of time; when each is out everywhere."""
        self.messages, out = messages, [0] * len(messages)
        left = sum(self.leaves(tree) for tree, _, _ in messages)
        now = 0
        while left:
            for at, (tree, flits, time) in enumerate(messages):
                if time == now:
                    self.queues["core", self.trees[tree][0]] += [Flit(at, n, now) for n in range(flits)]
            moves = []
            for queue in self.queues:
                self.find_front(queue)
            for link in {link for front in self.fronts.values() for link in front.branches}:
                askers = [queue for queue, front in self.fronts.items() if link in front.branches and self.asks(queue, link, now)]
                if askers:
                    best = min(askers, key=lambda queue: (self.port[queue] - self.turn[link]) % 1000)
                    moves.append((best, link, self.movable(best, link, now)))
            for queue, link, count in moves:
                left -= self.move(queue, link, count, now, out)
            for queue in list(self.fronts):
                self.leave(queue)
            now += 1
            assert now < 100_000, "locked up"
        return out

    def leaves(self, tree: int) -> int:
        root, below = self.trees[tree]
        return sum(1 for link in {root, *[c for cs in below.values() for c in cs]} if link in self.sinks)

    def find_front(self, queue: Any) -> None:
        if queue in self.fronts or not self.queues[queue]:
            return
        flit = self.queues[queue][0]
        tree, size, _ = self.messages[flit.message]
        root, below = self.trees[tree]
        stop = min(size, flit.number + (self.longest or size))
        links = [root] if queue == ("core", root) else below[queue]
        self.fronts[queue] = Front(flit.message, flit.number, stop, dict.fromkeys(links, 0))

    def standing(self, queue: Any) -> dict[int, Flit]:
        """Flits of the front packet that are here, by their number."""
        front = self.fronts[queue]
        return {f.number: f for f in self.queues[queue] if f.message == front.message and front.first <= f.number < front.stop}

    def space(self, link: int) -> int:
        """Room behind a link, with what has been promised taken off."""
        if self.ring[link] >= 0:
            packets = {(f.message, f.number // self.longest) for f in self.queues[link]}
            packets |= {(promise[0], promise[1] // self.longest) for promise in self.coming[link]}
            return self.room - self.longest * len(packets)
        return self.room - len(self.queues[link]) - sum(stop - next_ for _, next_, stop in self.coming[link])

    def movable(self, queue: Any, link: int, now: int) -> int:
        front, here = self.fronts[queue], self.standing(queue)
        count, at = 0, front.first + front.branches[link]
        while count < self.pace[0] and at < front.stop and at in here and here[at].ready <= now:
            if self.control == "wormhole" and link not in self.sinks and self.space(link) <= count:
                break
            count, at = count + 1, at + 1
        return count

    def asks(self, queue: Any, link: int, now: int) -> bool:
        front = self.fronts[queue]
        if self.holder.get(link, queue) != queue or self.free[link] > now or not self.movable(queue, link, now):
            return False
        if link in self.sinks or front.branches[link] or self.control == "wormhole":
            return True
        size = front.stop - front.first if self.ring[link] < 0 else self.longest
        enters = self.ring[link] >= 0 and (not isinstance(queue, int) or self.ring[queue] != self.ring[link])
        return self.space(link) >= size + (self.longest if enters else 0)

    def move(self, queue: Any, link: int, count: int, now: int, out: list[int]) -> int:
        """Carry flits; how many messages are out at a leaf with it."""
        front = self.fronts[queue]
        begin = front.first + front.branches[link]
        if front.branches[link] == 0:
            self.holder[link], self.turn[link] = queue, self.port[queue] + 1
            if self.control == "cut_through" and link not in self.sinks:
                self.coming[link].append([front.message, begin, front.stop])
        if link not in self.sinks:
            self.queues[link] += [Flit(front.message, n, now + self.latency[link]) for n in range(begin, begin + count)]
            for promise in self.coming[link]:
                if promise[0] == front.message and promise[1] == begin:
                    promise[1] += count
            self.coming[link] = [promise for promise in self.coming[link] if promise[1] < promise[2]]
        front.branches[link] += count
        self.free[link] = now + self.pace[1]
        if begin + count < front.stop:
            return 0
        del self.holder[link]
        if link not in self.sinks or front.stop < self.messages[front.message][1]:
            return 0
        out[front.message] = max(out[front.message], now + self.pace[1])
        return 1

    def leave(self, queue: Any) -> None:
        front = self.fronts[queue]
        least = front.first + min(front.branches.values())
        ring = isinstance(queue, int) and self.ring[queue] >= 0
        if not ring or least == front.stop:  # on a ring a packet keeps its place until all of it has left
            self.queues[queue] = [
                f for f in self.queues[queue] if f.message != front.message or not front.first <= f.number < least
            ]
        if least == front.stop:
            del self.fronts[queue]
