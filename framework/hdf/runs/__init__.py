"""Folders that a run or an evaluation fills, and the facts of the machine that they record.

Every file name of such a folder is written down here.
"""
