"""The built-in heads, and what they share: `answers`, `losses`, `edges` and `outlines`."""
