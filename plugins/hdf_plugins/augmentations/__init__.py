"""The built-in augmentations, by what they change; `base` is what they share.

Each raises a ValueError for an option out of range.
"""
