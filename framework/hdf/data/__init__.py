"""From a loader's samples to batches on the device.

`dataset` runs the whole of it: `split`, `decode`, the `store` in memory or in a `folder`, and from
that `batches`. What knows of models beyond their labels and image size belongs elsewhere.
"""
