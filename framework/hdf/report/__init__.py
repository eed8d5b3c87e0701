"""Pages that need no other file: the report of a finished run, and what all such pages share.

`finished` reads the run's folder; `figures`, `sections` and `films` make the parts, `page` writes
the file.
"""
