"""Activities without weights or images: spikes drawn from rates, counted and checked as execution counts."""

from synaptile.simulator.synthetic.rates import Rates, SiteRates, density_of_ratio, uniform_rates
from synaptile.simulator.synthetic.sources import as_rates
from synaptile.simulator.synthetic.synthesise import synthesise

__all__ = ["Rates", "SiteRates", "as_rates", "density_of_ratio", "synthesise", "uniform_rates"]
