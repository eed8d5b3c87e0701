"""Checkpoints: what a training saves, proves to be whole, and goes on from.

`store` knows files and checksums alone; `saving` knows the training.
"""
