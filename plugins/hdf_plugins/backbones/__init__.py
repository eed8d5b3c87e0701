"""The built-in backbones, one family per file.

`stages` is what they share; `weights` fits pretrained ones, and `imagenet` and `timm_weights` find
them.
"""
