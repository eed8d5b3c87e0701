"""The built-in visualizers, one per file."""
