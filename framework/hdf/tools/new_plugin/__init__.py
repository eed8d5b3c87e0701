"""Creating a plugin package to start from.

`names` checks what it is called, and `write` fills in the templates of one kind.
"""
