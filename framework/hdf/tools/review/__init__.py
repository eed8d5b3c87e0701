"""Going through a model's boxes by eye: a local page, a journal, and a table to train on.

`desk` holds the state, `app` and `serve` answer the browser, `journal` and `table` write files.
"""
