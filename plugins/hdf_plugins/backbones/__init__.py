"""The built-in backbones, one family per file; `stages` and `weights` are what they share."""
