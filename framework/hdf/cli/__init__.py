"""The command line: a module for each command or two, which imports nothing before it is needed.

A command parses its arguments, calls one function of the packages below, and reports the result.
"""
