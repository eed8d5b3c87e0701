"""The built-in visualizers.

`drawing` is what they share: radiographs with their boxes, on figures without global state.
"""
