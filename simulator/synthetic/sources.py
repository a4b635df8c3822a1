"""Where rates come from: a number, a mapping, a YAML file, a recorded run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Float64
from synaptile.simulator.activity import Activity
from synaptile.simulator.synthetic.carry import rates_of_run
from synaptile.simulator.synthetic.document import RateFile, matching, parse_rates, read_rates
from synaptile.simulator.synthetic.rates import FORGETFUL, HALVING, Rates, SiteRates, checked_steps, site_rates, uniform_rates

RateSource: TypeAlias = Rates | Activity | Mapping[str, float | list[float]] | str | Path | float
"""What `synthesise` takes as rates."""


def as_rates(given: RateSource, graph: SpikingGraph, steps: int) -> Rates:
    """Rates of every site of a graph over `steps` steps. Raises InputError where they cannot be used."""
    steps = checked_steps(steps)
    match given:
        case Rates():
            return _checked(given, graph, steps)
        case Activity():
            return rates_of_run(given, graph, steps)
        case str() | Path():
            return rates_of_file(read_rates(given), graph, steps, str(given))
        case Mapping():
            entries = [{"match": str(name), "rate": _plain(rate)} for name, rate in given.items()]
            document = parse_rates({"assumed": "rates given by the caller", "sites": entries}, "rates")
            return rates_of_file(document, graph, steps, "rates")
        case _:
            return uniform_rates(graph, steps, given)


def rates_of_file(document: RateFile, graph: SpikingGraph, steps: int, label: str) -> Rates:
    """Rates that a file states. Raises InputError for entries that name no site, and sites without a rate."""
    names = [site.name for site in graph.sites]
    notes = [] if document.assumed is None else [f"assumed: {document.assumed}"]
    rates: dict[str, SiteRates] = {}
    if document.default is not None:
        rate = _per_step(document.default, steps, f"{label}: default")
        rates = {site.name: site_rates(site, rate) for site in graph.sites}
    forgetful, halving = bool(rates), bool(rates)
    for number, entry in enumerate(document.sites):
        where = f"{label}: sites.{number}"
        rate = _per_step(entry.rate, steps, f"{where}.rate")
        fired = None if entry.fired is None else _per_step(entry.fired, steps, f"{where}.fired")
        levels = None if entry.levels is None else np.array(entry.levels)
        for name in matching(entry.match, names, where):
            site = graph.nodes[name]
            rates[name] = site_rates(site, rate, fired, levels)  # type: ignore[arg-type]  # names are those of sites
        forgetful, halving = forgetful or fired is None, halving or levels is None
        notes += [f"{entry.match}, assumed: {entry.assumed}"] if entry.assumed is not None else []
        notes += [f"{entry.match}, source: {entry.source}"] if entry.source is not None else []
    if missing := [name for name in names if name not in rates]:
        raise InputError(
            f"{label}: gives no rate for {len(missing)} of {len(names)} sites, first {missing[0]!r}: add `default:` or an entry"
        )
    notes += [FORGETFUL] * forgetful + [HALVING] * halving
    source = f" ({document.source})" if document.source is not None else ""
    return Rates(rates, f"rates of {Path(label).name}{source}" if label != "rates" else "rates given by the caller", tuple(notes))


def _checked(given: Rates, graph: SpikingGraph, steps: int) -> Rates:
    names = {site.name for site in graph.sites}
    if given.sites.keys() != names:
        differ = sorted(given.sites.keys() ^ names)
        raise InputError(f"rates are those of another graph: {len(differ)} sites differ, first {differ[0]!r}: derive them anew")
    for site in graph.sites:
        rates = given.sites[site.name]
        if rates.rate.shape != (steps,):
            raise InputError(f"site {site.name!r}: rates cover {rates.rate.size} steps, {steps} are asked for: derive them anew")
        site_rates(site, rates.rate, rates.fired, rates.levels)
    return given


def _per_step(given: float | list[float], steps: int, where: str) -> Float64:
    if isinstance(given, list):
        if len(given) < steps:
            raise InputError(
                f"{where}: gives {len(given)} steps, {steps} are asked for: give one figure per step, or ask for fewer"
            )
        return np.array(given[:steps], np.float64)
    return np.full(steps, float(given))


def _plain(rate: object) -> object:
    """A rate without NumPy's types, which the schema would refuse."""
    if isinstance(rate, np.ndarray | np.generic):
        return rate.tolist()
    return list(rate) if isinstance(rate, tuple) else rate
