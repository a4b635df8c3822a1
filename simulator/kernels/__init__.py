"""Numba kernels: plain array functions that fire neurons, accumulate rows, multiply events and expect.

Each has an obvious twin in the tests. Kernels allocate scratch alone, hold no Python objects and raise nothing.
"""
