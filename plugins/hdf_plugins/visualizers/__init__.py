"""The built-in visualizers, one per file.

`drawing` is what they share: radiographs with their boxes, on figures without global state.
"""
