"""What people see on a terminal or in a log: progress, scores, the time that is left.

What computes a figure lives elsewhere; here it is put into words.
"""

NOTICE = "For research only: hdf is not a medical device."
