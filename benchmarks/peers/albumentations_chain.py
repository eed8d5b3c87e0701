"""albumentations' chain of the same eight operations, on 8-bit images, one by one."""

import argparse
import json
import os
import time

import numpy as np

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
import albumentations as A


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    shape = (given.count, given.side, given.side, 1)
    images = random.integers(0, 256, shape, dtype=np.uint8)
    low, high = 0.3 * given.side, 0.7 * given.side
    boxes = np.array([[low, low, high, high]], np.float32)
    augment = chain(given.side)

    def batch():
        began = time.perf_counter()
        np.stack([augment(image=item, bboxes=boxes, labels=[0])["image"] for item in images])
        return time.perf_counter() - began

    batch()
    quickest = min(batch() for _ in range(given.repeats))
    print(json.dumps({"milliseconds_an_image": 1000 * quickest / given.count}))


def chain(side):
    operations = [
        A.HorizontalFlip(p=0.5),
        A.Rotate(limit=8, p=1.0),
        A.Affine(translate_percent=(-0.1, 0.1), p=1.0),
        A.Affine(scale=(0.85, 1.2), p=1.0),
        A.Affine(shear={"x": (-5, 5), "y": (-5, 5)}, p=1.0),
        A.RandomResizedCrop(size=(side, side), scale=(0.7, 1.0), ratio=(0.9, 1.1), p=1.0),
        A.RandomGamma(gamma_limit=(70, 150), p=1.0),
        A.GaussNoise(std_range=(0.02, 0.02), p=1.0),
    ]
    return A.Compose(operations, bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]))


if __name__ == "__main__":
    main()
