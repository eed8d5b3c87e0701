"""The commands beside training and prediction, a module or a package each.

A tool stands on the packages below it, and no other package imports one but the command line.
"""
