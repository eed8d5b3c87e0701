"""Measurements beside a peer, in one run, as ratios: ``python -m benchmarks [NAME ...]``."""

NAMES = (
    "ablation",
    "appearance",
    "audit",
    "augmentation",
    "chest200",
    "dicoms",
    "disturbed",
    "engine",
    "growth",
    "loading",
    "onnx",
    "optimisations",
    "painted-shapes",
    "phantom",
    "predict",
    "predict-loop",
    "processes",
    "profile",
    "recipes",
    "start-up",
    "store",
    "streaming",
    "time-to-quality",
    "vgg-training",
)
"""Each a module of this package (dashes for underscores) whose ``rows()`` gives (what, figure)."""
