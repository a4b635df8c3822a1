"""Dataset runs: a program over many images in batches, each kept on disk, spread over processes, tabulated as in Table 1."""
