"""Moved to `hdf.tools.export`; the old name goes on 2027-06-01."""
