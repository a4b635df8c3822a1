"""Synaptile: what a spiking vision transformer costs on a chip of many small cores, before silicon.

graph    = st.convert(model, calibration)            # a timm model to a SpikingGraph (needs torch and timm)
program  = st.map_graph(graph, st.load_chip("ecmt45"))
activity = st.execute(program, images, steps=8)
timeline = st.schedule(activity)                     # cycles: latency, stalls, links
report   = st.price(activity, program.chip, timeline=timeline)
report.ratio("released", step=4)
"""

from importlib.metadata import version

import lazy_loader

from synaptile.foundation.shown import show_by

# `__init__.pyi` beside this file says where each public name lives; it is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("synaptile")
show_by("synaptile.report.show")  # imported when a result is first shown
