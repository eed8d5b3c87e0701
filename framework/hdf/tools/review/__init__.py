"""Going through a model's boxes by eye: a local page, a journal, and a table to train on."""
