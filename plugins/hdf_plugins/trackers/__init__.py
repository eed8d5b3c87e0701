"""The built-in trackers, one per file.

Each is off unless an environment variable enables it, and imports its service only then.
"""
