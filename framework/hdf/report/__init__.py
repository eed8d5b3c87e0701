"""Pages that need no other file: the report of what is finished, and what such pages share."""
