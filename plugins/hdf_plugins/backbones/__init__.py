"""The built-in backbones, one family per file.

`stages` is what they share; `weights` fits pretrained ones, from `imagenet`, `timm_weights` or `pretrained`.
"""
