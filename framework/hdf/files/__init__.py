"""Files that are whole or not there, locks, tensors, and names that give no patient away.

What is exported here is for plugins as well. What a file means to a reader belongs to that reader.
"""

from hdf.files.atomic import decimal, is_file, read_text, replacing, utf8_name
from hdf.files.pseudonyms import group_of
from hdf.files.tensors import misfits

__all__ = ["decimal", "group_of", "is_file", "misfits", "read_text", "replacing", "utf8_name"]
