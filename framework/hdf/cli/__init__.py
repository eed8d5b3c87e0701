"""The command line: one file per command, which imports nothing before it is needed.

A command parses its arguments, calls one function of the packages below, and says what came of it.
"""
