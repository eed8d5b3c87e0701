"""Built-in visualizers, one a file."""
