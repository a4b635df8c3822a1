"""Commands of the command line, one a file. Heavy imports stay inside them, so that `--help` is quick."""
