"""A picture of what the network will see, made without a model.

The contact sheet itself is drawn by `hdf.drawing`, for visualizers as well.
"""
