"""What a visualizer may look at. The visualizers themselves are plugins."""
