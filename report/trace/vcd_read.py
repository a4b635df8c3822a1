"""Read a waveform back, to check what was written."""

from __future__ import annotations

from pathlib import Path

from vcd.reader import TokenKind, tokenize

from synaptile.report.trace.clock import TimeBase

NETWORK_SCOPE = "noc"
"""Scope of the links."""


def busy_cycles(path: Path, time: TimeBase) -> int:
    """Cycles for which the `busy` bits of all cores are high, from the first to the last timestamp of a file."""
    scopes: list[str] = []
    bits: set[str] = set()
    high: dict[str, int] = {}
    now = total = 0
    with path.open("rb") as file:
        for token in tokenize(file):
            match token.kind:
                case TokenKind.SCOPE:
                    scopes.append(token.scope.ident)
                case TokenKind.UPSCOPE:
                    scopes.pop()
                case TokenKind.VAR if token.var.reference == "busy" and scopes[0] != NETWORK_SCOPE:
                    bits.add(token.var.id_code)
                case TokenKind.CHANGE_TIME:
                    now = time.cycle_of(token.time_change)
                case TokenKind.CHANGE_SCALAR if token.scalar_change.id_code in bits:
                    change = token.scalar_change
                    if change.value == "1":
                        high[change.id_code] = now
                    else:
                        total += now - high.pop(change.id_code, now)
                case _:
                    pass
    return total + sum(now - since for since in high.values())
