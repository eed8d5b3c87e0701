"""How good the boxes are.

`evaluate` runs the detector, `metrics` pairs its boxes with the true ones, `comparison` scores them
beside the constant box, and `tables` writes and reads what the scores are computed from.
"""
