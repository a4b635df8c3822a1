"""Numba kernels: plain array functions that fire neurons, accumulate rows, multiply events and expect.

Each has an obvious twin in the tests. Kernels allocate scratch alone, hold no Python objects and raise nothing.
"""

import os

# GNU OpenMP reads this once, when Numba starts its threads: waiting threads must sleep, not spin, or a busy machine
# takes many times longer over the short parallel regions of a unit.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
