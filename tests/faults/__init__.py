"""What hdf does when runs die and when files are hostile.

``python -m tests.faults`` runs the whole bench and prints its counts, ``python -m tests.faults
NAME`` one part of it, ``NAME=COUNT`` with another number of tries. The tests here run a few of
each.
"""
