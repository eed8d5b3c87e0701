"""Augmentation on the device that keeps boxes and masks on the pixels they belong to.

`pipeline` is the bridge to Kornia: geometric modules become one warp, all others run as they are.
An augmentation itself is a plugin's, never a module here.
"""
