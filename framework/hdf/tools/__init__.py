"""The commands beside training and prediction, a folder each.

A tool stands on the packages below it, and no other package imports one but the command line.
"""
