"""How good the boxes are: `evaluate` runs the detector, `metrics` compares, `baseline` humbles."""
