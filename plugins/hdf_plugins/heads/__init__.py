"""The built-in heads, one per file, and what they share.

`losses`, `decoder` and `outlines` may be used by any of them; a head imports no other head.
"""
