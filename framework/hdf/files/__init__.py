"""Files that are whole or not there, locks, checksums, and names that give no patient away.

What is exported here is for plugins as well. What a file means to a reader belongs to that reader.
"""

from hdf.files.atomic import is_file, read_text, replacing
from hdf.files.pseudonyms import group_of

__all__ = ["group_of", "is_file", "read_text", "replacing"]
