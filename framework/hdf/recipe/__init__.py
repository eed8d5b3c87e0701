"""Recipes: strict YAML (`load`, `merge`) into typed values (`schema`, `check`).

A key of a recipe is declared here; what is built from it belongs to `hdf.models` and `hdf.data`.
"""
