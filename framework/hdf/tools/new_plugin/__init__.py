"""Creating a plugin package to start from."""
