"""The commands beside training and prediction, which only the command line imports."""
