"""Shapes, text and colours on pictures, and PNG files that say who made them.

A drawing of a particular page or command belongs to that page.
"""
