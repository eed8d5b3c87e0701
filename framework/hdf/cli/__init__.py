"""The command line: one file per command, which imports nothing before it is needed."""
