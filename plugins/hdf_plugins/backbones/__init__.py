"""The built-in backbones, one family per file.

`stages` is what they share. `download` finds pretrained weights, `weights` fits them to a backbone.
"""
