"""A plugin's package to start from, written for its author."""
