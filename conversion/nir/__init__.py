"""NIR (Neuromorphic Intermediate Representation) graphs in and out. Needs the package `nir`, the extra of that name."""

from synaptile.conversion.nir.read import from_nir
from synaptile.conversion.nir.report import import_report
from synaptile.conversion.nir.write import to_nir, write_nir

__all__ = ["from_nir", "import_report", "to_nir", "write_nir"]
