"""Benchmarks: tables of measured rates, ``python -m benchmarks``. Not packaged, and nothing here is a test."""

import os
import sys

# Read when NumPy loads: OpenBLAS must choose its own kernel for this machine, on one thread. A process that has loaded it, as
# that of the tests, is left as it is, lest its children compute otherwise.
if "numpy" not in sys.modules:
    for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(_name, None)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
# As the kernels set them, here for PyTorch too, which is imported before.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
