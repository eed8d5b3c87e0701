"""Cross-validation: every fold of a recipe as a run, and the calibration that they allow."""
