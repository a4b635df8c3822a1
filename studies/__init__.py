"""Studies: one network over many chips, settings, thresholds or images, kept on disk as they go, and the types of the results."""
