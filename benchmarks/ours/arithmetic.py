"""What the processor computes at most: large matrix products, and what VGG16 asks for an image."""

from __future__ import annotations

import argparse
import json

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import seconds
from hdf.runtime.resources import keep_freed_memory
from hdf_plugins.backbones.vgg import VGG16
from hdf_plugins.heads.box_regression import BoxRegression


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--matrix", type=int, default=4096)
    parser.add_argument("--tries", type=int, default=5)
    given = parser.parse_args()
    keep_freed_memory()
    limits = {
        precision: limit(getattr(torch, precision), given.matrix, given.tries)
        for precision in ("float32", "bfloat16")
    }
    print(json.dumps({**limits, "an_image": needed(given.side)}))


@torch.inference_mode()
def limit(dtype: torch.dtype, side: int, tries: int) -> float:
    """Floating-point operations a second of a square product, the best of several."""
    first, second = (torch.randn(side, side).to(dtype) for _ in range(2))
    first @ second
    return 2 * side**3 / min(seconds(lambda: first @ second) for _ in range(tries))


def needed(side: int) -> float:
    """Floating-point operations of a forward and a backward pass for one image.

    A multiplication with its addition counts two; the image needs no gradient.
    """
    backbone = VGG16()
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), (side, side))
    with FlopCounterMode(display=False) as counter:
        head(backbone(torch.zeros(1, 1, side, side))).sum().backward()
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
