"""Numba kernels: plain array functions that fire neurons, accumulate rows, multiply events and expect.

Read `fire`, `synapse`, `product` and `expectation` first, then `plain`, the loops that they are made of; without the JIT all
of it runs as Python. `vector` holds LLVM code for the same loops, `dispatch` says which of them a machine runs. Each
kernel has an obvious twin in the tests. Kernels allocate scratch alone, hold no Python objects and raise nothing.
"""

import os

# GNU OpenMP reads these once, when Numba starts its threads. A waiting thread spins for about as long as waking it would take,
# then sleeps: without the first the short parallel regions of a unit wait for threads to wake, without the second a busy
# machine takes many times longer over them.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
