"""Threshold tuning: a bounded search for thresholds that cost less energy at a given loss of agreement with the ANN."""
