"""Sweeps: a study file's grid or search over chip, mapping and conversion, one execution shared by all chips it serves."""
