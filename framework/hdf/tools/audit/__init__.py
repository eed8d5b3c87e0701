"""Finding mistakes in a data set before it is trained on.

`survey` looks at every image once; `records`, `sides`, `exposure`, `anatomy` and `duplicates` each
find one sort of mistake; `audit` runs them all, and `page` shows what they found.
"""
