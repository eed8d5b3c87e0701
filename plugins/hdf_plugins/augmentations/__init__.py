"""The built-in augmentations, one per file.

`drawn` and `ranges` are what several of them share.
"""
