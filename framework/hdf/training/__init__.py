"""Training: `run` is the whole job; `loop` learns, with `optimisation`."""
