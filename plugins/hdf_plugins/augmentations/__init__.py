"""Built-in augmentations, one a file."""
