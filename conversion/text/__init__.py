"""Text encoders of the BERT family: sentences as tokens, a model folder to a SpikingGraph. Needs no torch.

A folder is read as data: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and, where there are, the pooling modules of
a sentence encoder. Nothing in it is executed.
"""
