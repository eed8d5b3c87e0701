"""The built-in heads, one per file, and what they share."""
