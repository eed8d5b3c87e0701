"""Plugins and their components: where they come from, and which options each one takes.

Nothing here builds a component or imports one before it is asked for.
"""
