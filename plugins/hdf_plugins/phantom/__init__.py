"""The phantom: synthetic frontal chest radiographs from an anatomical model, hdf's own data set.

`radiograph.render` renders batches; the loader of the same name offers them to recipes.
"""
