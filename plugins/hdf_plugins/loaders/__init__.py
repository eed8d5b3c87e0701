"""The built-in loaders, one per file.

`annotated`, `annotations`, `columns`, `folders`, `table` and `text_files` are what they share.
"""
