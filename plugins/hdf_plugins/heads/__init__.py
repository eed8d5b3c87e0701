"""Built-in heads, one a file."""
