"""The built-in visualizers.

`drawing` is what they share: radiographs with their boxes, on figures without global state.
Each raises a ValueError for a count below 1, and for a label that is not in ``data.labels``.
"""
