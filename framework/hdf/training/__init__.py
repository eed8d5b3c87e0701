"""Training: `run` is the whole job, from `prepare` by way of `trainer` to `finish`.

Only `hdf.cli` imports this package. What prediction needs as well belongs to `hdf.models`.
"""
