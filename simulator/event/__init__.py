"""Event-driven execution: the stateful units of a batch of images, driven node by node and step by step."""
