"""Cross-validation: every fold of a recipe as a run, and the calibration that they allow.

`folder` knows where the folds are; `crossval` runs them and pools their answers.
"""
