"""Detectors: built from a recipe or a file, checked, calibrated, and written as one file.

Whatever needs to know what a backbone or a head is made of comes in; training does not.
"""
