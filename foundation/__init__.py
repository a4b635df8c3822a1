"""What every stage stands on: the exception tree, atomic files, digests and provenance. Imports no stage."""
