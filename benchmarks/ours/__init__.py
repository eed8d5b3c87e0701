"""hdf's side of the comparisons that run as processes; each prints one line of JSON."""
