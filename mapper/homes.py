"""Which nodes of a converted transformer have no home on a chip, and why: derived from the chip's figures alone."""

from __future__ import annotations

from dataclasses import dataclass

from synaptile.hwmodels import Chip

_ON_EC_CORES = (
    ("ec layer_norm", "sums over time, squares and a reciprocal square root"),
    ("ec softmax", "sums over time, exponentials and a division"),
    ("ec rms_norm", "sums over time, squares and a reciprocal square root"),
    ("ec gelu", "sums over time and a special function (other activations alike)"),
    ("product qk", "multiplies two streams of events with running sums"),
    ("product sv", "multiplies two streams of events with running sums"),
    ("patch_embedding", "multiplies weights with real pixels"),
    ("dense head", "multiplies weights with a real-valued stream (preset released)"),
    ("add", "adds real-valued streams"),
    ("rotation", "multiplies a real-valued stream by factors of its tokens"),
    ("gate", "multiplies two real-valued streams"),
    ("token_mean, readout", "scale real-valued streams"),
    ("constant, concatenate, token_select, rearrange", "send real-valued streams"),
)
"""Node kinds that only EC cores hold (see `footprint.home_of`), and what they need one for."""


@dataclass(frozen=True)
class Homeless:
    """A kind of node without a home on a chip. `kind` is its name in tables, `why` what it needs, `lever` what would help."""

    kind: str
    why: str
    lever: str


def kinds_without_home(chip: Chip) -> tuple[Homeless, ...]:
    """Node kinds that a chip cannot hold, in the order of a transformer's nodes; empty where every node has a home.

    A home is a place that can do the work, not one that is large enough: `map_graph` says what does not fit.
    """
    found: list[Homeless] = []
    if chip.synapse_core.graded_spikes == "binary":
        why = "a spike carries one of 2n values, this chip's spikes one bit"
        lever = "synapse_core.graded_spikes: shift or replicate"
        found += [Homeless("mt", why, lever), Homeless("synapse", why, lever)]
    if chip.ec_core is None:
        found += [Homeless(kind, why, "EC cores, or with_host_ec(chip)") for kind, why in _ON_EC_CORES]
    return tuple(found)
