"""What a visualizer, which is a plugin, may look at; it may draw with `hdf.drawing`."""
