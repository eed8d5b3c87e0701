"""The built-in loaders, one per file.

`annotated`, `columns`, `folders`, `table` and `text_files` are what they share.
"""
