"""The phantom: synthetic frontal chest radiographs from anatomy, the data set that hdf carries.

`radiograph.render` draws whole batches; the loader of the same name offers them to recipes.
"""
