"""Checkpoints: what a training saves, proves to be whole, and goes on from."""
