"""The built-in augmentations, one per file."""
