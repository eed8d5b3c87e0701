"""Built-in trackers, one a file; each is off unless its environment variable switches it on."""
