"""Finding mistakes in a data set: duplicates, leaks, wrong boxes, bad exposures."""
