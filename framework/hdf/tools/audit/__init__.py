"""Finding mistakes in a data set before it is trained on.

`survey` reads every image once; it, `records`, `anatomy` and `duplicates` find one kind of mistake
each; `audit` runs them all, and `cards` shows the findings on a page.
"""
