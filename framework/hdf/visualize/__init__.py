"""What a visualizer may look at.

The visualizers themselves are plugins, and what several of them draw with is `hdf.drawing`.
"""
