"""How good the boxes are: `predict` runs the detector, `metrics` compares, `baseline` humbles."""
