"""A small run with a hostile name, priced with and without its schedule, and its page."""

from __future__ import annotations

import base64
import gzip
import json
import re
from functools import lru_cache
from typing import Any

import numpy as np

from synaptile.conversion.graph import ImageSource
from synaptile.energy import EnergyReport, price
from synaptile.mapper import map_graph
from synaptile.report.page import page_text
from synaptile.simulator import Activity, execute, schedule
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

NAME = '</script><script>window.planted=1</script><img src=x onerror="window.planted=2">\'&amp;{{ 7*7 }}'
STEPS, IMAGES = 3, 2
LABELS = np.array([1, 2])
ANN_ACCURACY = 0.5


@lru_cache
def activity(*, steps: int = STEPS) -> Activity:
    """Some steps of two images of a tiny transformer over some twenty cores of two chips."""
    chip = small_chip(
        synapse={"weight_memory_bits": 5 * 8 * 32, "state_memory_bits": 4096, "weight_bank_bits": 512, "state_bank_bits": 512},
        ec={"state_memory_bits": 12_000, "state_bank_bits": 512},
    )
    network = vit_graph(1, 5, 8, 2, 16, 3, patch=2, name=NAME)
    source = next(node for node in network.nodes.values() if isinstance(node, ImageSource))
    pixels = np.random.default_rng(0).standard_normal((IMAGES, *source.image_shape)).astype(np.float32)
    return execute(map_graph(network, chip, seed=0), pixels, steps)


@lru_cache
def report(*, scheduled: bool = True) -> EnergyReport:
    run = activity()
    timeline = schedule(run, images=IMAGES) if scheduled else None
    return price(run, run.program.chip, timeline=timeline)


def page(bill: EnergyReport) -> str:
    return page_text(bill, LABELS, ann_accuracy=ANN_ACCURACY)


def parts_of(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The documents in a page: what stands in it as JSON, and what stands there compressed."""
    small = re.search(r'<script type="application/json" id="small">(.*?)</script>', text, re.S)
    large = re.search(r'id="large">(.*?)</script>', text, re.S)
    assert small is not None and large is not None
    return json.loads(small[1]), json.loads(gzip.decompress(base64.b64decode(large[1])))
