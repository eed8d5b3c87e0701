"""The built-in trackers, one per file; each is off unless an environment variable enables it."""
